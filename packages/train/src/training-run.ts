import { dispose, type TensorTree } from '@maehem/backend';
import type { ModelImages } from '@maehem/data';
import type { OptimizerState } from '@maehem/optim';
import { watchDivergence } from './divergence.js';
import type { ImageBatch } from './features.js';
import type { Trainer } from './trainer.js';

/** Where the images come from: one epoch's batches, from a given batch on. Order must depend on nothing else. */
export type EpochBatches = (epoch: number, startBatch: number) => AsyncIterable<ImageBatch>;

/** The state that a run starts or goes on from. */
export interface StartingState<Params extends TensorTree> {
  readonly params: Params;
  readonly optimizerState?: OptimizerState;
  readonly stepIndex: number;
}

/** What one optimizer step tells. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly totalSteps: number;
  /** Epochs done, with fraction. */
  readonly epoch: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  /** Gradients overflowed in half precision, and the step changed nothing but the loss scale; `gradNorm` is infinite. */
  readonly skipped?: true;
  /** Wall time of this step, waiting for images included, in seconds. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** How long a run is: the same for every kind of training. */
export interface RunLength {
  /** Images in one forward pass. */
  readonly batch: number;
  /** Forward passes in one optimizer step. */
  readonly accumulate: number;
  readonly epochs: number;
}

/** Steps of a run. */
export interface RunPlan {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
}

/** A training run of some kind. */
export interface TrainingRun<Config extends RunLength, Params extends TensorTree, Batch extends TensorTree>
  extends RunPlan {
  readonly config: Config;
  readonly trainer: Trainer<Params, Batch>;
  /**
   * Train to the end, one report a step. Stop by leaving the loop: between two steps the trainer's state
   * is whole and can be saved.
   * @throws DivergenceError when the loss is no number or explodes.
   */
  steps(batches: EpochBatches): AsyncGenerator<StepReport, void, void>;
  dispose(): void;
}

/**
 * The steps of a run.
 * @param batchesPerEpoch full batches that an epoch offers
 * @throws when an epoch has too few batches for one step.
 */
export function planRun({ batch, accumulate, epochs }: RunLength, batchesPerEpoch: number): RunPlan {
  const stepsPerEpoch = Math.floor(batchesPerEpoch / accumulate);
  if (stepsPerEpoch < 1)
    throw new Error(
      `an epoch has ${batchesPerEpoch} batches of ${batch} images, fewer than the ${accumulate} of one step; lower --batch`,
    );
  return { stepsPerEpoch, totalSteps: Math.ceil(epochs * stepsPerEpoch) };
}

/**
 * The loop around a trainer: epochs of batches in, one report a step out.
 * @param upload puts a batch of images on the device, with all else that its number in the run decides
 */
export function createTrainingRun<
  Config extends RunLength,
  Params extends TensorTree,
  Batch extends TensorTree,
>(
  config: Config,
  plan: RunPlan,
  trainer: Trainer<Params, Batch>,
  upload: (images: ImageBatch, batchIndex: number) => Batch,
): TrainingRun<Config, Params, Batch> {
  const { stepsPerEpoch, totalSteps } = plan;
  const watch = watchDivergence();

  async function* steps(batches: EpochBatches): AsyncGenerator<StepReport, void, void> {
    while (trainer.stepIndex < totalSteps) {
      const epoch = Math.floor(trainer.stepIndex / stepsPerEpoch);
      const startBatch = (trainer.stepIndex % stepsPerEpoch) * config.accumulate;
      yield* epochSteps(batches(epoch, startBatch));
    }
  }

  async function* epochSteps(batches: AsyncIterable<ImageBatch>): AsyncGenerator<StepReport, void, void> {
    let gathered: ImageBatch[] = [];
    let started = performance.now();
    const endOfEpoch = (Math.floor(trainer.stepIndex / stepsPerEpoch) + 1) * stepsPerEpoch;
    for await (const batch of batches) {
      gathered.push(batch);
      if (gathered.length < config.accumulate) continue;
      const report = await trainStep(gathered, started);
      gathered = [];
      yield report;
      if (trainer.stepIndex >= Math.min(endOfEpoch, totalSteps)) return;
      started = performance.now();
    }
    throw new Error(`epoch ended after ${trainer.stepIndex % stepsPerEpoch} of ${stepsPerEpoch} steps`);
  }

  async function trainStep(images: readonly ImageBatch[], started: number): Promise<StepReport> {
    const step = trainer.stepIndex;
    const uploaded = images.map((batch, index) => upload(batch, step * config.accumulate + index));
    const { loss, gradNorm, lr, skipped } = await trainer.step(uploaded);
    for (const batch of uploaded) dispose(batch);
    watch({ step, loss, gradNorm, lr, ...(skipped && { skipped }) });
    const seconds = (performance.now() - started) / 1000;
    const done = step + 1;
    return {
      ...{ step: done, totalSteps, epoch: done / stepsPerEpoch, loss, gradNorm, lr, seconds },
      ...(skipped && { skipped }),
      imagesPerSecond: (config.batch * config.accumulate) / seconds,
    };
  }

  return { config, totalSteps, stepsPerEpoch, trainer, steps, dispose: () => trainer.dispose() };
}

/**
 * Does a batch of images have as many values as it should?
 * @throws when it has not; the message says what was expected.
 */
export function assertBatchSize(
  { images }: ModelImages,
  batchIndex: number,
  shape: readonly [batch: number, height: number, width: number, channels: number],
): void {
  const [batch, height, width, channels] = shape;
  const expected = batch * height * width * channels;
  if (images.length !== expected)
    throw new Error(
      `batch ${batchIndex} has ${images.length} values, expected ${expected} (${batch} images of ${height}x${width}x${channels})`,
    );
}
