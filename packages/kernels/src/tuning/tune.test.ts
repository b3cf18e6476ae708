import { type GpuEngine, gpuEngine } from '@maehem/backend';
import { fold, seed } from '@maehem/random';
import { describeOnBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linear } from '../linear/linear.js';
import type { GemmChoice } from '../matmul/gemm-tiles.js';
import { dispatch } from '../webgpu/dispatch.js';
import type { Tunable } from './tunable.js';
import { type TuneOptions, type TuneProgress, tuneKernels } from './tune.js';
import { choose, type Tuning, tuningInUse, useTuning } from './tuning.js';
import { emptyTuning, tuningFrom, tuningText } from './tuning-file.js';

const key = fold(seed(1), 'tune');

describeOnBackend('tuning', 'webgpu', () => {
  let gpu: GpuEngine;
  beforeAll(() => {
    gpu = gpuEngine(tf.backend());
  });
  afterEach(() => useTuning(gpu, undefined));

  const layer = (name: string, [outputs, inputs]: [number, number]) => ({
    weight: randomTensor<tf.Tensor2D>(fold(key, name), [outputs, inputs]),
    bias: randomTensor<tf.Tensor1D>(fold(key, name), [outputs]),
  });
  const x = () => randomTensor(fold(key, 'x'), [5, 12]);
  const small = 'product 1x5x8x12 NT f32 f32 f32 bias';
  const large = 'product 1x5x16x12 NT f32 f32 f32 bias';

  /** Two products, one of them twice. */
  const work = async (): Promise<void> =>
    tf.tidy(() => {
      for (const name of ['a', 'b']) linear(layer(name, [8, 12]), x());
      linear(layer('c', [16, 12]), x());
    });

  /** Milliseconds of a run: of a small product 2, of a large one 3, with tiles of 16 columns less. */
  const time: TuneOptions['time'] = async (kernel, choice, runs) => {
    const usual = kernel === small ? 2 : 3;
    return runs * ((choice as GemmChoice).tile.n === 16 ? usual / 2 : usual);
  };

  it('takes what is measured to be fastest, the largest part of the work first', async () => {
    const told: TuneProgress[] = [];
    const before = tf.memory().numTensors;
    const outcome = await tuneKernels(gpu, work, { time, progress: (progress) => told.push(progress) });
    expect(tf.memory().numTensors).toBe(before);
    expect(outcome).toMatchObject({ ended: 'done', before: 0, missing: 0 });
    expect(outcome.kernels).toEqual([
      { name: small, share: 4 / 7, usualMs: 2, ms: 1, choice: '8x16', changed: true, wrong: 0 },
      { name: large, share: 3 / 7, usualMs: 3, ms: 1.5, choice: '8x16', changed: true, wrong: 0 },
    ]);
    expect((outcome.tuning.measured[small]!.choice as GemmChoice).tile.n).toBe(16);
    expect(told.at(-1)).toMatchObject({ done: 1, secondsLeft: 0, decided: { name: large } });
  });

  it('measures by the GPU, and its choices change no result', async () => {
    const plain = linear(layer('a', [8, 12]), x());
    const { tuning, ended } = await tuneKernels(gpu, work);
    expect(ended).toBe('done');
    expect(Object.keys(tuning.measured).sort()).toEqual([large, small]);
    const { choice } = (await tuneKernels(gpu, work, { time })).tuning.measured[small]!;
    useTuning(gpu, { ...tuning, measured: { [small]: { choice, ms: 1, usualMs: 2, at: '' } } });
    await expectClose(linear(layer('a', [8, 12]), x()), plain, 1e-6);
  });

  it('keeps what it has when it is interrupted, and goes on from there', async () => {
    const interrupt = new AbortController();
    const kept: Tuning[] = [];
    const keep = async (tuning: Tuning): Promise<void> => {
      kept.push(tuning);
      interrupt.abort();
    };
    const first = await tuneKernels(gpu, work, { time, keep, signal: interrupt.signal });
    expect(first).toMatchObject({ ended: 'cancelled', before: 0, missing: 1 });
    expect(kept.map(({ measured }) => Object.keys(measured))).toEqual([[small]]);
    const second = await tuneKernels(gpu, work, { time, known: first.tuning });
    expect(second).toMatchObject({ ended: 'done', before: 1, missing: 0 });
    expect(Object.keys(second.tuning.measured)).toEqual([small, large]);
    expect(second.tuning.measured[small]).toBe(first.tuning.measured[small]);
  });

  it('ends when its time is over, with the usual choices for the rest', async () => {
    expect(await tuneKernels(gpu, work, { time, seconds: 0 })).toMatchObject({
      ...{ ended: 'out of time', missing: 2, kernels: [] },
      tuning: emptyTuning(gpu),
    });
  });

  it('takes no choice that is none of the candidates', async () => {
    const plain = linear(layer('a', [8, 12]), x());
    const choice = { tile: { m: 8, n: 1024, k: 0, threadM: 4, threadN: 8 }, splits: 1, depth: 12 };
    useTuning(gpu, { ...emptyTuning(gpu), measured: { [small]: { choice, ms: 1, usualMs: 2, at: '' } } });
    expect(tuningInUse(gpu)?.measured[small]?.choice).toBe(choice);
    await expectClose(linear(layer('a', [8, 12]), x()), plain, 1e-6);
  });

  it('never takes a choice that gives other results, or that does not compile', async () => {
    const entries = ['1', '2', '1 + 1e-6', 'nonsense'];
    const writing = (entry: string, out: tf.TensorInfo): void =>
      dispatch(gpu, {
        key: `write ${entry}`,
        wgsl: () => `
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) { if (i < ${entry === '2' ? 3 : 4}) { out[i] = ${entry}; } }`,
        inputs: [],
        outputs: [out],
        workgroups: [1],
      });
    const tunable: Tunable<{ entry: string }> = {
      ...{ name: 'write', usual: () => ({ entry: '1' }) },
      candidates: () => entries.map((entry) => ({ entry })),
      inWords: ({ entry }) => entry,
      open: () => {
        const [out, behind] = [gpu.allocate([4], 'float32'), gpu.allocate([4], 'float32')];
        return {
          run: ({ entry }) => writing(entry, out),
          // Nobody writes to the second, and that is no fault.
          ...{ results: [out, behind], tolerance: 1e-4 },
          dispose: () => [out, behind].forEach((info) => void gpu.release(info)),
        };
      },
    };
    const ms: Readonly<Record<string, number>> = { '1': 4, '2': 1.5, '1 + 1e-6': 2 };
    const { kernels } = await tuneKernels(
      gpu,
      async () =>
        void choose(
          gpu,
          () => tunable.usual(),
          () => tunable,
        ),
      { time: async (_, choice, runs) => runs * ms[(choice as { entry: string }).entry]! },
    );
    expect(kernels).toEqual([
      { name: 'write', share: 1, usualMs: 4, ms: 2, choice: '1 + 1e-6', changed: true, wrong: 1 },
    ]);
  });

  describe('a kept tuning', () => {
    const at = '2026-11-25T01:00:00.000Z';
    const measured = { [small]: { choice: { tile: 1 }, ms: 1, usualMs: 2, at } };
    const read = (text: string) => tuningFrom(text, gpu, 'tiles.json');

    it('is read as it was written', () => {
      const tuning = { ...emptyTuning(gpu), measured };
      expect(read(tuningText(tuning))).toEqual(tuning);
    });

    it('is of no use after a change to the kernels, to the driver, or in another form', () => {
      const text = (change: object) => tuningText({ ...emptyTuning(gpu), measured, ...change });
      expect(read(text({ kernels: 'older' }))).toBe('tiles.json was measured before the kernels changed');
      expect(read(text({ adapter: 'Voodoo 2' }))).toMatch(
        /^tiles\.json was measured on 'Voodoo 2', and this is '.+'$/,
      );
      for (const broken of [
        '{}',
        'null',
        '[1]',
        text({ measured: { [small]: null } }),
        text({ format: 'maehem-tuning-0' }),
      ])
        expect(read(broken)).toBe('tiles.json is not a tuning of this version');
      expect(read('{')).toBe('tiles.json is not JSON');
    });
  });
});
