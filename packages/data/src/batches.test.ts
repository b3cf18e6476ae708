import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import {
  BadImageError,
  type Batch,
  type BatchOptions,
  type ByteImage,
  batches,
  batchesPerEpoch,
  type Dataset,
  epochOrder,
  normalisedImages,
  normaliser,
  type Sample,
  trainTransform,
} from './index.js';

function sample(index: number, height = 4): Sample {
  const pixels = Uint8Array.from({ length: height * 4 }, (_, i) => (index * 31 + i * 17) % 256);
  return { name: `image ${index}`, label: index % 3, height, width: 4, channels: 1, pixels };
}

/** A data set that counts reads, answers late and out of order, and has bad images. */
function slowDataset(length: number, bad: readonly number[] = []): Dataset & { readonly reads: number[] } {
  const reads: number[] = [];
  return {
    name: 'slow',
    length,
    reads,
    get: async (index) => {
      reads.push(index);
      await new Promise((resolve) => setTimeout(resolve, (index * 7) % 3));
      if (bad.includes(index)) throw new BadImageError(`image ${index}`, 'truncated');
      return sample(index);
    },
  };
}

const base: BatchOptions = {
  batch: 4,
  key: seed(5),
  epoch: 0,
  transform: trainTransform({ size: 4, channels: 1, normalisation: 'half' }),
};

async function gather(source: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of source) all.push(batch);
  return all;
}

async function collect(dataset: Dataset, options: Partial<BatchOptions> = {}): Promise<Batch[]> {
  return gather(batches(dataset, { ...base, ...options }));
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));

describe('epochOrder', () => {
  it('is a permutation that key and epoch decide', () => {
    const order = epochOrder(seed(1), 0, 50);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epochOrder(seed(1), 0, 50)).toEqual(order);
    expect(epochOrder(seed(1), 1, 50)).not.toEqual(order);
    expect(epochOrder(seed(2), 0, 50)).not.toEqual(order);
  });
});

describe('batches', () => {
  it('give every image once, in the order of the epoch', async () => {
    const all = await collect(slowDataset(14));
    expect(all.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(all.flatMap(({ indices }) => [...indices])).toEqual([...epochOrder(base.key, 0, 14).slice(0, 12)]);
    const [first] = all;
    expect(first!.shape).toEqual([4, 4, 4, 1]);
    expect(first!.images.length).toBe(64);
    expect([...first!.labels!]).toEqual([...first!.indices].map((index) => index % 3));
    expect(first!.skipped).toBe(0);
  });

  it('without dropLast end with a smaller one, without shuffle keep the order', async () => {
    const all = await collect(slowDataset(6), { dropLast: false, shuffle: false });
    expect(all.map(({ indices }) => [...indices])).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ]);
    expect(all[1]!.shape).toEqual([2, 4, 4, 1]);
    expect([batchesPerEpoch(6, 4), batchesPerEpoch(6, 4, false)]).toEqual([1, 2]);
  });

  it('are the same however many are read ahead or at a time', async () => {
    const straight = await collect(slowDataset(20), { prefetch: 0, concurrency: 1 });
    expect(await collect(slowDataset(20), { prefetch: 5, concurrency: 16 })).toEqual(straight);
    expect(await collect(slowDataset(20), { epoch: 1 })).not.toEqual(straight);
  });

  it('augment an image by key, epoch and index, not by its place', async () => {
    const image = async (options: Partial<BatchOptions>): Promise<ArrayLike<number>> => {
      const all = await collect(slowDataset(8), options);
      const holder = all.find(({ indices }) => indices.includes(3))!;
      const place = holder.indices.indexOf(3);
      return holder.images.slice(place * 16, place * 16 + 16);
    };
    expect(await image({ shuffle: false })).toEqual(await image({ batch: 2 }));
    expect(await image({ epoch: 1 })).not.toEqual(await image({}));
  });

  it('resumed at batch k give what the straight run gives from there, bad images or not', async () => {
    const bad = [2, 3, 11];
    const straight = await collect(slowDataset(21, bad), { onBadImage: 'skip' });
    for (const startBatch of [0, 1, 3, 5]) {
      const dataset = slowDataset(21, bad);
      const resumed = await collect(dataset, { onBadImage: 'skip', startBatch });
      expect(resumed).toEqual(straight.slice(startBatch));
      if (startBatch === 5) expect(dataset.reads).toEqual([]);
    }
  });

  it('are plain pixels without a transform, 0 … 1 as numbers', async () => {
    const [first] = await gather(
      batches(slowDataset(4), { batch: 4, key: seed(0), epoch: 0, shuffle: false }),
    );
    expect(first!.images).toBeInstanceOf(Uint8Array);
    expect(first!.images[1]).toBe(17);
    expect(normalisedImages(first!, 1)[1]).toBe(Math.fround(17 / 255));
  });

  it('are bytes or numbers as the transform leaves them, and the same numbers then', async () => {
    const toBytes = base.transform!;
    const [bytes] = await collect(slowDataset(4));
    const [numbers] = await collect(slowDataset(4), {
      transform: (image, key) => normaliser('half', 1)(toBytes(image, key) as ByteImage),
    });
    expect(bytes!.images).toBeInstanceOf(Uint8Array);
    expect(bytes!.normalisation).toEqual({ mean: [0.5], std: [0.5] });
    expect(numbers!.images).toBeInstanceOf(Float32Array);
    expect(numbers!.normalisation).toBeUndefined();
    expect(normalisedImages(bytes!, 1)).toEqual(numbers!.images);
  });

  it('are of one kind', async () => {
    const toBytes = base.transform!;
    let images = 0;
    const mixed = (transform: BatchOptions['transform']) =>
      collect(slowDataset(4), {
        transform: (image, key) => (images++ % 2 === 1 ? transform! : toBytes)(image, key),
      });
    await expect(mixed((image) => normaliser('half', 1)(image))).rejects.toThrow(
      'is numbers where others of its batch are bytes of mean [0.5] and deviation [0.5]',
    );
    await expect(
      mixed((image, key) => ({
        ...(toBytes(image, key) as ByteImage),
        normalisation: { mean: [0], std: [1] },
      })),
    ).rejects.toThrow('where others of its batch are bytes of mean');
  });

  it('have no labels where one image has none', async () => {
    const dataset: Dataset = {
      name: 'unlabelled',
      length: 4,
      get: (index) => {
        const { label, ...rest } = sample(index);
        return index === 2 ? rest : { ...rest, label: label! };
      },
    };
    expect('labels' in (await collect(dataset))[0]!).toBe(false);
  });
});

describe('bad images', () => {
  it('fail: the error names the image and ends the iteration', async () => {
    await expect(collect(slowDataset(12, [7]))).rejects.toThrow('bad image image 7: truncated');
  });

  it('skip: the next of the order takes the place, and each is counted once', async () => {
    const skipped: number[] = [];
    const all = await collect(slowDataset(12, [1, 2, 11]), {
      shuffle: false,
      onBadImage: 'skip',
      onSkip: ({ index, error }) => {
        expect(error).toBeInstanceOf(BadImageError);
        skipped.push(index);
      },
    });
    expect(all.map(({ indices }) => [...indices])).toEqual([
      [0, 3, 3, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 0],
    ]);
    expect(all.map((batch) => batch.skipped)).toEqual([2, 0, 1]);
    expect(skipped).toEqual([1, 2, 11]);
    expect(all.every(({ images }) => images.length === 64)).toBe(true);
  });

  it('skip: nothing but bad images is an error', async () => {
    await expect(collect(slowDataset(4, [0, 1, 2, 3]), { onBadImage: 'skip' })).rejects.toThrow(
      'all 4 images of slow are bad; bad image image',
    );
  });

  it('NaN from a transform is a bad image, with the sample’s name', async () => {
    const transform = (image: { height: number; width: number; channels: number; pixels: Uint8Array }) => ({
      ...image,
      values: Float32Array.from(image.pixels, (pixel) => (pixel === 31 * 3 ? Number.NaN : pixel)),
    });
    const options: BatchOptions = { batch: 4, key: seed(0), epoch: 0, shuffle: false, transform };
    await expect(gather(batches(slowDataset(4), options))).rejects.toThrow(
      'bad image image 3: pixel value NaN at row 0, column 0, channel 0',
    );
    const [first] = await gather(batches(slowDataset(8), { ...options, onBadImage: 'skip' }));
    expect([...first!.indices]).toEqual([0, 1, 2, 4]);
  });

  it('other errors are never skipped', async () => {
    const broken: Dataset = {
      name: 'broken',
      length: 4,
      get: () => Promise.reject(new Error('disk on fire')),
    };
    await expect(collect(broken, { onBadImage: 'skip' })).rejects.toThrow('disk on fire');
  });

  it('images of several sizes need a transform', async () => {
    const mixed: Dataset = { name: 'mixed', length: 4, get: (index) => sample(index, index === 3 ? 5 : 4) };
    const plain: BatchOptions = { batch: 4, key: seed(0), epoch: 0, shuffle: false };
    await expect(gather(batches(mixed, plain))).rejects.toThrow(
      'image 3 is 5x4x1 where others of its batch are 4x4x1',
    );
  });
});

describe('prefetch', () => {
  it('goes no further ahead than it was told', async () => {
    for (const prefetch of [0, 1, 2]) {
      const dataset = slowDataset(40);
      const iterator = batches(dataset, { ...base, prefetch });
      await settle();
      expect(dataset.reads).toHaveLength(0);
      await iterator.next();
      await settle();
      expect(dataset.reads).toHaveLength(4 * (1 + prefetch));
      await iterator.next();
      await settle();
      expect(dataset.reads).toHaveLength(4 * (2 + prefetch));
      await iterator.return();
    }
  });

  it('decodes no more images at a time than it was told', async () => {
    let running = 0;
    let most = 0;
    const dataset: Dataset = {
      name: 'counted',
      length: 32,
      get: async (index) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running--;
        return sample(index);
      },
    };
    await collect(dataset, { concurrency: 3, prefetch: 4 });
    expect(most).toBe(3);
  });

  it('stops when the consumer does', async () => {
    const dataset = slowDataset(400);
    for await (const batch of batches(dataset, { ...base, prefetch: 20, concurrency: 2 })) {
      expect(batch.index).toBe(0);
      break;
    }
    const reads = dataset.reads.length;
    await settle();
    expect(dataset.reads.length).toBe(reads);
    expect(reads).toBeLessThan(20);
  });

  it('keeps an early failure until its turn, without an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): number => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const iterator = batches(slowDataset(12, [5, 9]), { ...base, shuffle: false });
    expect((await iterator.next()).value).toMatchObject({ index: 0 });
    await settle();
    await expect(iterator.next()).rejects.toThrow('image 5');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await settle();
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});

describe('batch options', () => {
  const dataset = slowDataset(6);

  it.each([
    [{ batch: 8 }, 'slow has 6 images, fewer than one batch of 8; lower the batch to at most 6'],
    [{ batch: 0 }, 'batch must be a whole number from 1, got 0'],
    [{ epoch: -1 }, 'epoch must be a whole number from 0, got -1'],
    [{ startBatch: 2 }, "startBatch 2 is after the epoch's 1 batches"],
    [{ prefetch: Number.NaN }, 'prefetch must be a whole number from 0, got NaN'],
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1, got 0'],
  ])('%j', (options, message) => {
    expect(() => batches(dataset, { ...base, key: fold(base.key, 1), ...options })).toThrow(message);
  });

  it('an empty data set', () => {
    expect(() => batches(slowDataset(0), base)).toThrow('slow has no images');
  });
});
