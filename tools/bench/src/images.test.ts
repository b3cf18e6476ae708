import { describeOnBackend } from '@maehem/testing';
import { expect, it } from 'vitest';
import { benchImages } from './images.js';
import { imagesTable } from './table.js';

describeOnBackend('images as bytes and as numbers', 'wasm', () => {
  it('are uploaded in a quarter of the bytes', async () => {
    const engine = { backend: 'wasm', precision: 'float32' } as const;
    const report = await benchImages({
      ...{ engine, config: 'nano', batch: 2, runs: 1, seed: 0, log: () => undefined },
    });
    const [bytes, numbers] = report.costs;
    expect(bytes!.uploadedBytes).toBe(2 * 32 * 32 * 3 + 3 * 256 * 4);
    expect(numbers!.uploadedBytes).toBe(2 * 32 * 32 * 3 * 4);
    expect(report.costs.every(({ step }) => step !== undefined)).toBe(true);
    expect(imagesTable(report)).toMatch(/\nnumbers +24\.0 /);
  });
});
