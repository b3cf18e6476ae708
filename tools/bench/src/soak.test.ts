import { describe, expect, it } from 'vitest';
import { benchSoak, growth, type SoakSample } from './soak.js';

describe('soak', () => {
  const flat = Array.from({ length: 8 }, (_, i): SoakSample => {
    return {
      step: i,
      loss: 1,
      ms: 1,
      tensors: i === 0 ? 5 : 9,
      buffers: 9,
      residentBytes: 1e8,
      heapBytes: 1e7,
    };
  });

  it('tells what grows after the warm-up', () => {
    expect(growth(flat)).toEqual([]);
    expect(growth(flat.map((sample, i) => ({ ...sample, buffers: i })))).toEqual([
      'buffers grew from 2.5 to 6.5',
    ]);
    expect(growth(flat.map((sample, i) => ({ ...sample, residentBytes: 1e8 + i * 4e5 })))).toEqual([]);
  });

  it('finds no tensor left over by training', async () => {
    const engine = { backend: 'wasm', precision: 'float32' } as const;
    const options = {
      engine,
      config: 'small',
      batch: 2,
      threads: 1,
      steps: 24,
      seed: 0,
      log: () => {},
    } as const;
    const { samples } = await benchSoak(options);
    expect(new Set(samples.slice(2).map(({ tensors }) => tensors)).size).toBe(1);
    expect(new Set(samples.slice(2).map(({ buffers }) => buffers)).size).toBe(1);
    expect(samples.at(-1)!.loss).toBeLessThan(samples[0]!.loss);
  });
});
