import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MaeConfig, maeParameters } from '@maehem/mae';
import { seed } from '@maehem/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Peer } from './peer.js';
import { createJaxjs } from './peers/jaxjs.js';
import { createMaehem } from './peers/maehem.js';
import { createNaive } from './peers/naive.js';
import { parsePeer } from './peers.js';
import { openWorkload, type Workload } from './workload.js';
import { writeWorkload } from './write-workload.js';

const CONFIG: MaeConfig = {
  ...{ imageSize: [16, 24], patchSize: [4, 4], channels: 3, dim: 16, depth: 2, heads: 2, mlpRatio: 4 },
  ...{ decoderDim: 8, decoderDepth: 1, decoderHeads: 2, encoderMaskTokens: false },
};

describe('names of peers', () => {
  it('may say the threads of the own one', () => {
    expect(parsePeer('maehem')).toEqual({ name: 'maehem', threads: 1 });
    expect(parsePeer('maehem@2')).toEqual({ name: 'maehem', threads: 2 });
    for (const text of ['naive@2', 'maehem@', 'maehem@1', 'maehem@two'])
      expect(() => parsePeer(text)).toThrow(`peer '${text}': threads are for maehem alone`);
    expect(() => parsePeer('numpy')).toThrow("there is no peer 'numpy'; choose from maehem, naive, jaxjs");
  });
});

describe('peers', () => {
  let folder: string;
  let workload: Workload;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'maehem-bench-test-'));
    writeWorkload(folder, seed(3), CONFIG, 4);
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

  it('refuse an engine that they do not have', async () => {
    await expect(createJaxjs().init(workload, 'cpu')).rejects.toThrow("no backend 'cpu' here; use wasm");
  });
});

async function losses(peer: Peer, workload: Workload): Promise<number[]> {
  await peer.init(workload, 'wasm');
  const out: number[] = [];
  for (let step = 0; step < 5; step++) out.push(await peer.step());
  return out;
}
