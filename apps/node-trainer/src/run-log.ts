import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepReport } from '@maehem/train';
import { openMetrics, openTensorBoard, readMetrics } from '@maehem/train/node';
import { lossCurve } from '@maehem/viz';

/** Everything that a run writes down about itself as it goes. */
export interface RunLog {
  step(report: StepReport): void;
  /** A picture for TensorBoard. */
  image(tag: string, png: Uint8Array, step: number): void;
  /** What was measured on held-out images after a step. */
  evaluation(figures: { readonly [name: string]: number }, step: number): void;
  /** Draw `loss.svg` from all steps so far, those before a resume included. */
  curve(): Promise<void>;
  close(): void;
}

/**
 * Open `metrics.jsonl` and a TensorBoard event file in a run's folder; what is later than `step` is forgotten.
 * @param title of the loss curve
 * @param options `evaluated`: keep `evaluations.jsonl` too
 */
export async function openRunLog(
  folder: string,
  step: number,
  title: string,
  { evaluated = false }: { readonly evaluated?: boolean } = {},
): Promise<RunLog> {
  const path = join(folder, 'metrics.jsonl');
  const resume = step > 0 ? { resumeStep: step } : {};
  const metrics = await openMetrics(path, resume);
  const evaluations = evaluated ? await openMetrics(join(folder, 'evaluations.jsonl'), resume) : undefined;
  const board = openTensorBoard(folder, resume);
  return {
    step: (report) => {
      metrics.write(report);
      const { loss, lr, gradNorm, imagesPerSecond } = report;
      board.scalars({ loss, lr, gradNorm, imagesPerSecond }, report.step);
    },
    evaluation: (figures, at) => {
      evaluations?.write({ step: at, ...figures });
      board.scalars(
        Object.fromEntries(Object.entries(figures).map(([name, value]) => [`test/${name}`, value])),
        at,
      );
    },
    image: (tag, png, at) => board.image(tag, png, at),
    curve: async () => {
      metrics.flush();
      const points = (await readMetrics(path)).map(
        (record) => [record.step, Number(record['loss'])] as const,
      );
      await writeFile(join(folder, 'loss.svg'), lossCurve([{ name: 'loss', points }], { title }));
    },
    close: () => {
      metrics.close();
      evaluations?.close();
      board.close();
    },
  };
}
