import { seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.js';
import {
  cached,
  type Dataset,
  inMemoryDataset,
  packedDataset,
  type Sample,
  splitDataset,
  subset,
} from './index.js';

const samples: Sample[] = Array.from({ length: 10 }, (_, label) => ({
  name: `sample ${label}`,
  label,
  height: 1,
  width: 1,
  channels: 1,
  pixels: Uint8Array.of(label),
}));
const dataset = inMemoryDataset('ten', samples);

async function labelsOf(data: Dataset): Promise<(number | undefined)[]> {
  const all = await Promise.all(Array.from({ length: data.length }, (_, index) => data.get(index)));
  return all.map(({ label }) => label);
}

describe('a fingerprint', () => {
  const packed = (...labels: number[]) =>
    packedDataset({
      ...{ name: 'packed', height: 1, width: 1, channels: 1 },
      ...{ pixels: new Uint8Array(labels.length), labels: Uint8Array.from(labels) },
    }).fingerprint;

  it('tells other labels, another order and another number from the same', () => {
    expect(packed(1, 2, 3)).toBe(packed(1, 2, 3));
    expect(packed(1, 2, 3)).toMatch(/^3 images, [0-9a-f]{8}$/);
    expect(new Set([packed(1, 2, 3), packed(1, 3, 2), packed(1, 2), packed(1, 2, 4)]).size).toBe(4);
  });

  it('tells names apart, also where their letters are the same', () => {
    expect(fingerprint(['ab', 'c'], 2)).not.toBe(fingerprint(['a', 'bc'], 2));
    expect(cached({ ...dataset, fingerprint: 'x' }, 10).fingerprint).toBe('x');
  });
});

describe('data sets in memory', () => {
  it('refuse an index outside', () => {
    for (const index of [-1, 10, 0.5]) expect(() => dataset.get(index)).toThrow(`ten has no image ${index}`);
  });

  it('packed: views of whole images', async () => {
    const shape = { name: 'packed', height: 1, width: 2, channels: 1 };
    const packed = packedDataset({ ...shape, pixels: Uint8Array.of(1, 2, 3, 4) });
    expect(packed.length).toBe(2);
    expect(await packed.get(1)).toEqual({ ...shape, name: 'packed[1]', pixels: Uint8Array.of(3, 4) });
    expect(() => packedDataset({ ...shape, pixels: new Uint8Array(3) })).toThrow(
      'not a whole number of 1x2x1 images',
    );
    expect(() => packedDataset({ ...shape, pixels: new Uint8Array(4), labels: new Uint8Array(1) })).toThrow(
      '2 images but 1 labels',
    );
  });
});

describe('parts of data sets', () => {
  it('subset: these samples in this order', async () => {
    expect(await labelsOf(subset(dataset, [7, 0, 7]))).toEqual([7, 0, 7]);
    expect(() => subset(dataset, [10])).toThrow('ten has no image 10');
  });

  it('split: disjoint, complete, by key', async () => {
    const [rest, heldOut] = splitDataset(dataset, seed(0), 3);
    const [restLabels, heldOutLabels] = [await labelsOf(rest), await labelsOf(heldOut)];
    expect(heldOutLabels).toHaveLength(3);
    expect([...restLabels, ...heldOutLabels].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await labelsOf(splitDataset(dataset, seed(0), 0.3)[1])).toEqual(heldOutLabels);
    expect(await labelsOf(splitDataset(dataset, seed(1), 3)[1])).not.toEqual(heldOutLabels);
  });

  it('split leaves both sides something', () => {
    for (const count of [0, 10, 0.01, 2.5, Number.NaN])
      expect(() => splitDataset(dataset, seed(0), count)).toThrow(
        `can't hold ${count} out of the 10 images of ten`,
      );
  });
});

describe('cached', () => {
  it('reads again only what did not fit', async () => {
    let reads = 0;
    const counted: Dataset = {
      name: 'counted',
      length: 10,
      get: async (index) => {
        reads++;
        return samples[index]!;
      },
    };
    const cache = cached(counted, 6);
    await labelsOf(cache);
    expect(reads).toBe(10);
    expect(await labelsOf(cache)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(reads).toBe(14);
  });
});
