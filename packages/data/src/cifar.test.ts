import { describe, expect, it } from 'vitest';
import { CIFAR10_CLASSES, cifar10Dataset, cifar100Dataset } from './index.js';

/** A record whose red, green and blue planes count up from 0, 100 and 200. */
function record(...labels: readonly number[]): Uint8Array {
  const planes = [0, 100, 200].flatMap((from) =>
    Array.from({ length: 1024 }, (_, pixel) => from + (pixel % 50)),
  );
  return Uint8Array.from([...labels, ...planes]);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('cifar10Dataset', () => {
  const files = [
    { source: 'data_batch_1.bin', bytes: join(record(3), record(9)) },
    { source: 'data_batch_2.bin', bytes: record(0) },
  ];

  it('joins the batches and interleaves the planes', async () => {
    const dataset = cifar10Dataset(files);
    expect(dataset.length).toBe(3);
    expect(dataset.classes).toBe(CIFAR10_CLASSES);
    const samples = await Promise.all([0, 1, 2].map((index) => dataset.get(index)));
    expect(samples.map(({ label }) => label)).toEqual([3, 9, 0]);
    const { height, width, channels, pixels } = samples[1]!;
    expect([height, width, channels, pixels.length]).toEqual([32, 32, 3, 3072]);
    expect([...pixels.slice(0, 6)]).toEqual([0, 100, 200, 1, 101, 201]);
    expect([...pixels.slice(-3)]).toEqual([23, 123, 223]);
  });

  it('refuses a truncated file', () => {
    expect(() => cifar10Dataset([{ source: 'test_batch.bin', bytes: record(1).subarray(0, 3000) }])).toThrow(
      'test_batch.bin: 3000 bytes are not a whole number of CIFAR records of 3073 bytes',
    );
    expect(() => cifar10Dataset([{ source: 'empty.bin', bytes: new Uint8Array(0) }])).toThrow(
      'empty.bin: 0 bytes',
    );
  });

  it('refuses a label that is no class', () => {
    expect(() => cifar10Dataset([{ source: 'a.bin', bytes: join(record(1), record(10)) }])).toThrow(
      'a.bin: record 1 has label 10, expected 0 to 9',
    );
  });
});

describe('cifar100Dataset', () => {
  const files = [{ source: 'train.bin', bytes: record(19, 99) }];

  it('takes the fine or the coarse label', async () => {
    expect((await cifar100Dataset(files).get(0)).label).toBe(99);
    const { label, pixels } = await cifar100Dataset(files, 'coarse').get(0);
    expect([label, pixels[0], pixels[1]]).toEqual([19, 0, 100]);
  });
});
