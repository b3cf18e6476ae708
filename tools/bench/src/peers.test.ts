import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MaeConfig, maeParameters } from '@maehem/mae';
import { seed } from '@maehem/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawWorkload } from './draw-workload.js';
import type { Engine, Peer } from './peer.js';
import { startPeer } from './peer-process.js';
import { createJaxjs } from './peers/jaxjs.js';
import { createMaehem } from './peers/maehem.js';
import { createNaive } from './peers/naive.js';
import { parsePeer } from './peers.js';
import { openWorkload, type Workload } from './workload.js';
import { writeWorkload } from './write-workload.js';

const pythonLacksTorch = whyNoTorch();

const CONFIG: MaeConfig = {
  ...{ imageSize: [16, 24], patchSize: [4, 4], channels: 3, dim: 16, depth: 2, heads: 2, mlpRatio: 4 },
  ...{ decoderDim: 8, decoderDepth: 1, decoderHeads: 2, encoderMaskTokens: false },
};

describe('names of peers', () => {
  it('may say the threads of the own one', () => {
    expect(parsePeer('maehem')).toEqual({ name: 'maehem', threads: 1, own: {} });
    expect(parsePeer('maehem@2')).toEqual({ name: 'maehem', threads: 2, own: {} });
    expect(parsePeer('torch')).toEqual({ name: 'torch', threads: 0, own: {} });
    expect(parsePeer('torch@1')).toEqual({ name: 'torch', threads: 1, own: {} });
    expect(parsePeer('torch-compile:bf16')).toEqual({
      name: 'torch-compile',
      threads: 0,
      own: { precision: 'bfloat16' },
    });
    expect(parsePeer('maehem:f16:recompute@2')).toEqual({
      name: 'maehem',
      threads: 2,
      own: { precision: 'float16', recompute: 1 },
    });
    expect(parsePeer('maehem:recompute=3').own).toEqual({ recompute: 3 });
    expect(parsePeer('maehem:f16:tensor-cores').own).toEqual({ precision: 'float16', tensorCores: true });
    for (const option of ['f8', 'recompute=0', ''])
      expect(() => parsePeer(`maehem:${option}`)).toThrow(
        `peer 'maehem:${option}': '${option}' is not one of f32, f16, bf16, recompute, recompute=2, tensor-cores`,
      );
    expect(() => parsePeer('naive:recompute')).toThrow('recompute is for maehem alone');
    for (const text of ['naive@2', 'maehem@', 'maehem@0', 'torch@two'])
      expect(() => parsePeer(text)).toThrow(`peer '${text}': threads are for maehem and torch alone`);
    expect(() => parsePeer('numpy')).toThrow(
      "there is no peer 'numpy'; choose from maehem, maehem-xla, naive, jaxjs, torch, torch-compile",
    );
  });
});

describe('peers', () => {
  let folder: string;
  let workload: Workload;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'maehem-bench-test-'));
    writeWorkload(folder, drawWorkload(seed(3), CONFIG, 4));
    workload = openWorkload(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('get every parameter of the model, and a quarter of its patches', () => {
    const trained = workload.tensors.filter(({ role }) => role === 'trained');
    const sizes = trained.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
    expect(sizes.reduce((a, b) => a + b)).toBe(maeParameters(CONFIG).trainable);
    expect(workload.keep).toBe(6);
  });

  it('have the same losses over five steps of training', async () => {
    const own = await losses(createMaehem(), workload);
    for (const peer of [createNaive(), createJaxjs()])
      for (const [step, loss] of (await losses(peer, workload)).entries())
        expect(loss).toBeCloseTo(own[step]!, 4);
    expect(own[4]).toBeLessThan(own[0]! - 0.001);
  });

  it('of PyTorch has them too', { timeout: 60_000 }, async (context) => {
    if (pythonLacksTorch !== undefined) context.skip(pythonLacksTorch);
    const own = await losses(createMaehem(), workload);
    const torch = startPeer('torch@1');
    try {
      await torch.init(
        { folder, config: CONFIG, batch: 4, seed: 3 },
        { backend: 'wasm', precision: 'float32' },
      );
      for (const loss of own) {
        const result = await torch.step();
        expect(result.loss).toBeCloseTo(loss, 4);
        expect(result.peakBytes).toBeGreaterThan(2 ** 26);
      }
    } finally {
      torch.stop();
    }
  });

  it('refuse an engine that they do not have', async () => {
    await expect(createJaxjs().init(workload, { backend: 'cpu', precision: 'float32' })).rejects.toThrow(
      "no backend 'cpu' here; use wasm",
    );
    const engine: Engine = { backend: 'wasm', precision: 'bfloat16' };
    await expect(createMaehem().init(workload, engine)).rejects.toThrow('maehem on wasm has no bfloat16');
  });
});

/** Why the test of the PyTorch peer cannot run; `undefined` when it can. */
function whyNoTorch(): string | undefined {
  const python = process.env['MAEHEM_PYTHON'] ?? 'python3';
  const { status } = spawnSync(python, ['-c', 'import torch']);
  return status === 0 ? undefined : `${python} has no torch; set MAEHEM_PYTHON`;
}

async function losses(peer: Peer, workload: Workload): Promise<number[]> {
  await peer.init(workload, { backend: 'wasm', precision: 'float32' });
  const out: number[] = [];
  for (let step = 0; step < 5; step++) out.push(await peer.step());
  return out;
}
