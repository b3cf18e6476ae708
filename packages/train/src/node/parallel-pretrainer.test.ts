import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { dispose } from '@maehem/backend';
import { initMae, type Mae, smallMaePreset } from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed, uniform } from '@maehem/random';
import { describeOnBackend, difference } from '@maehem/testing';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it, vi } from 'vitest';
import { type PretrainBatch, type Pretrainer, patchesOf, splitParams, uploadImages } from '../index.js';
import { createParallelPretrainer, threadsUnavailable } from './index.js';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Threads run JavaScript: the built worker, whatever the caller runs from. */
const built = pathToFileURL(join(project, 'dist', 'node', 'pretrain-worker.js'));
const script = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

const key = fold(seed(2), 'threads');
const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 1, heads: 2, decoderDim: 16, decoderDepth: 1 },
});
const TOKENS = 16;
const VALUES = 48;

function batch(index: number, samples = 4): PretrainBatch {
  const name = fold(key, index);
  const plan = randomMasking(fold(name, 'mask'), { batch: samples, tokens: TOKENS, ratio: 0.75 });
  const pixels = normal(fold(name, 'pixels'), samples * TOKENS * VALUES);
  return { patches: tf.tensor3d(pixels, [samples, TOKENS, VALUES]), plan: uploadPlan(plan) };
}

/** The same for pictures of bytes; as patches of numbers where `cut`. */
function byteBatch(index: number, cut: boolean): PretrainBatch {
  const { plan, ...patches } = batch(index);
  dispose(patches);
  const bytes = uniform(fold(fold(key, index), 'bytes'), 4 * TOKENS * VALUES, 0, 256);
  const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2] };
  const images = uploadImages({ images: Uint8Array.from(bytes), normalisation }, model, 4);
  if (!cut) return { ...images, plan };
  const whole = { patches: patchesOf(images, model), plan };
  dispose(images);
  return whole;
}

interface Setting {
  readonly threads: number;
  readonly accumulate?: number;
  readonly clipNorm?: number | null;
  readonly workerUrl?: URL;
  readonly batches?: (index: number) => PretrainBatch;
}

function trainer({ threads, accumulate = 1, clipNorm = null, workerUrl = built }: Setting): Pretrainer {
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule: () => 1e-3, treatments });
  const task = { model, objective: { normPix: true }, optimizer, accumulate, clipNorm };
  // Vitest's own options would have the threads import TypeScript.
  return createParallelPretrainer(task, { params }, { threads, workerUrl, execArgv: [] });
}

async function weights(params: Mae): Promise<Float32Array> {
  const values = await Promise.all(entries<tf.Tensor>(params).map(([, tensor]) => tensor.data()));
  return Float32Array.from(values.flatMap((data) => [...data]));
}

/** Losses, gradient norms, tensor counts and final weights of five steps on different batches. */
async function train(setting: Setting) {
  const run = trainer(setting);
  const losses: number[] = [];
  const norms: number[] = [];
  const tensors: number[] = [];
  for (let step = 0; step < 5; step++) {
    const batches = Array.from({ length: setting.accumulate ?? 1 }, (_, i) =>
      (setting.batches ?? batch)(10 * step + i),
    );
    const { loss, gradNorm } = await run.step(batches);
    for (const used of batches) dispose(used);
    losses.push(loss);
    norms.push(gradNorm);
    tensors.push(tf.memory().numTensors);
  }
  const final = await weights(run.params());
  run.dispose();
  return { losses, norms, tensors, final };
}

beforeAll(() => {
  const tsc = join(project, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-b', project], { stdio: 'inherit' });
}, 180_000);

// Engines that show their memory to JavaScript; the others divide their work themselves.
for (const backend of ['wasm', 'cpu'] as const) describeOnBackend('training in threads', backend, inThreads);

function inThreads(): void {
  it.each([{ threads: 2 }, { threads: 2, accumulate: 2, clipNorm: 0.05 }, { threads: 4 }])(
    'is training in one: %o',
    async (setting) => {
      const before = tf.memory().numTensors;
      const one = await train({ ...setting, threads: 1 });
      const several = await train(setting);
      for (const [step, loss] of one.losses.entries()) {
        expect(Math.abs(several.losses[step]! - loss)).toBeLessThan(1e-4);
        expect(several.norms[step]! / one.norms[step]!).toBeCloseTo(1, 4);
      }
      expect(difference(several.final, one.final).absolute).toBeLessThan(2e-4);
      expect(new Set(several.tensors.slice(1)).size).toBe(1);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('repeats to the bit', async () => {
    const setting = { threads: 2, clipNorm: 0.05 };
    const once = await train(setting);
    const again = await train(setting);
    expect(again.losses).toEqual(once.losses);
    expect(again.final).toEqual(once.final);
  });

  it('sends bytes as bytes: the same to the bit as the patches that they make', async () => {
    const bytes = await train({ threads: 2, batches: (index) => byteBatch(index, false) });
    const patches = await train({ threads: 2, batches: (index) => byteBatch(index, true) });
    expect(bytes.losses).toEqual(patches.losses);
    expect(bytes.final).toEqual(patches.final);
  });

  it('refuses batches that do not divide, and goes on with those that do', async () => {
    const run = trainer({ threads: 2 });
    const odd = batch(0, 3);
    await expect(run.step([odd])).rejects.toThrow('a batch of 3 images does not divide into 2 equal parts');
    const even = batch(0);
    expect((await run.step([even])).loss).toBeGreaterThan(0);
    run.dispose();
    for (const used of [odd, even]) dispose(used);
  });

  it.each([
    ['throws at once', 'throw new Error("no room")', 'training thread 2 failed: no room'],
    [
      'throws at work',
      'import { parentPort } from "node:worker_threads"; parentPort.on("message", async () => { throw new Error("out of memory"); });',
      'training thread 2 failed: out of memory',
    ],
    ['ends', 'process.exit(3)', 'training thread 2 failed: it ended early (exit 3)'],
  ])('stops when a thread %s', async (_, code, message) => {
    const before = tf.memory().numTensors;
    const run = trainer({ threads: 2, workerUrl: script(code) });
    const used = batch(0);
    await expect(run.step([used])).rejects.toThrow(message);
    await expect(run.step([used])).rejects.toThrow(message);
    expect(run.stepIndex).toBe(0);
    run.dispose();
    dispose(used);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says when memory cannot be shared, and which numbers of threads there are', () => {
    expect(threadsUnavailable()).toBeUndefined();
    vi.stubGlobal('SharedArrayBuffer', undefined);
    try {
      expect(() => trainer({ threads: 2 })).toThrow(
        'cannot train in 2 threads: this host has no SharedArrayBuffer; use 1',
      );
    } finally {
      vi.unstubAllGlobals();
    }
    expect(() => trainer({ threads: 0 })).toThrow('threads must be a whole number of at least 1, got 0');
  });
}
