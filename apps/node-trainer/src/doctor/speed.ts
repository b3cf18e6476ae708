import { dispose } from '@maehem/backend';
import { matMul } from '@maehem/kernels';
import { smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { createPretrainer } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { smallTask } from './small-task.js';

/** A figure is the best of this many rounds of at least this many seconds: other programs only take away. */
const ROUNDS = 3;
const ROUND_SECONDS = 0.1;

/** A training step is not repeated when it takes longer than this. */
const TOO_LONG_SECONDS = 8;

/** Engines below this speed get a smaller batch. */
const SLOW_GFLOPS = 5;

/** A square product in float32, larger as long as that is quick. */
export async function measureProducts(): Promise<{ readonly gflops: number; readonly size: number }> {
  for (let size = 256; ; size *= 2) {
    const [a, b] = ['a', 'b'].map((name) => {
      const row = tf.tensor2d(normal(fold(seed(1), name), size), [1, size]);
      return tf.tidy(() => tf.tile(row, [size, 1]));
    }) as [tf.Tensor, tf.Tensor];
    const seconds = await secondsPerRun(() => matMul(a, b));
    tf.dispose([a, b]);
    if (size === 4096 || seconds > 0.02) return { gflops: (2 * size ** 3) / seconds / 1e9, size };
  }
}

/** The sum of two tensors of 64 MB, in bytes read and written: what memory gives. */
export async function measureMemory(): Promise<{ readonly gigabytesPerSecond: number }> {
  const count = 2 ** 24;
  const [a, b] = [tf.ones([count]), tf.ones([count])];
  const seconds = await secondsPerRun(() => tf.add(a, b));
  tf.dispose([a, b]);
  return { gigabytesPerSecond: (3 * 4 * count) / seconds / 1e9 };
}

/** The model of {@link measureTraining}. */
export const TRAINING_PRESET = 'small';

/**
 * Whole training steps: the first one, which compiles, and the best of those after it.
 * @param gflops as measured by products
 */
export async function measureTraining(gflops: number): Promise<{
  readonly imagesPerSecond: number;
  readonly batch: number;
  readonly firstStepSeconds: number;
}> {
  const samples = gflops < SLOW_GFLOPS ? 4 : 32;
  const { task, start, batch } = smallTask(seed(1), smallMaePreset(TRAINING_PRESET), samples);
  const trainer = createPretrainer(task, start);
  const timedStep = async (): Promise<number> => {
    const begin = performance.now();
    await trainer.step([batch]);
    return (performance.now() - begin) / 1000;
  };
  const firstStepSeconds = await timedStep();
  let best = firstStepSeconds;
  let total = firstStepSeconds;
  for (let step = 0; step < 50 && total < (step < 3 ? TOO_LONG_SECONDS : 2); step++) {
    const seconds = await timedStep();
    best = Math.min(best, seconds);
    total += seconds;
  }
  trainer.dispose();
  dispose(batch);
  return { imagesPerSecond: samples / best, batch: samples, firstStepSeconds };
}

/** Runs are queued, twice as many each time, until they make a round. */
async function secondsPerRun(run: () => tf.Tensor): Promise<number> {
  await finish(run()); // Compiles.
  let best = Number.POSITIVE_INFINITY;
  let rounds = 0;
  for (let runs = 1; rounds < ROUNDS; ) {
    const start = performance.now();
    for (let i = 1; i < runs; i++) run().dispose();
    await finish(run());
    const seconds = (performance.now() - start) / 1000;
    if (seconds > TOO_LONG_SECONDS) return seconds / runs;
    if (seconds < ROUND_SECONDS && runs < 1024) runs *= 2;
    else {
      best = Math.min(best, seconds / runs);
      rounds += 1;
    }
  }
  return best;
}

/** Wait until a result is there, by reading one number that depends on it. */
async function finish(result: tf.Tensor): Promise<void> {
  const one = tf.tidy(() => tf.gather(tf.reshape(result, [-1]), tf.tensor1d([0], 'int32')));
  result.dispose();
  await one.data();
  one.dispose();
}
