// The benchmark's page: training steps in the number of threads and with the tfjs build that the harness asks for.
import { dispose, openBackend } from '@maehem/backend';
import { initMae, smallMaePreset } from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { normal, seed } from '@maehem/random';
import { splitParams } from '@maehem/train';
import { createParallelPretrainer, type PageWorker } from '@maehem/train/browser';
import { patchValues, tokenCount } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import type { PageVariant, PageWork } from '../page-threads.js';

const { location, Worker } = globalThis as unknown as {
  location: { origin: string; search: string };
  Worker: new (url: string, options: { type: 'module' }) => PageWorker;
};

/** Times of steps in ms, after those of the warm-up. */
async function time({ threads }: PageVariant, { preset, batch, steps }: PageWork): Promise<number[]> {
  const open = { wasmPath: `${location.origin}/wasm/` };
  await openBackend('wasm', open);
  const model = smallMaePreset(preset);
  const params = initMae(seed(0), model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule: () => 1e-4, treatments });
  const trainer = createParallelPretrainer(
    { model, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null },
    { params },
    { threads, open, worker: () => new Worker(`/thread.js${location.search}`, { type: 'module' }) },
  );
  const [tokens, values] = [tokenCount(model), patchValues(model)];
  const images = {
    patches: tf.tensor3d(normal(seed(1), batch * tokens * values), [batch, tokens, values]),
    plan: uploadPlan(randomMasking(seed(2), { batch, tokens, ratio: 0.75 })),
  };
  const times: number[] = [];
  for (let step = 0; step < steps + 5; step++) {
    const begin = performance.now();
    await trainer.step([images]);
    times.push(performance.now() - begin);
  }
  trainer.dispose();
  dispose(images);
  return times.slice(5);
}

Object.assign(globalThis, { time });
