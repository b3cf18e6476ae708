import { fold, type Key } from '@maehem/random';
import { assertFinite, BadImageError } from './bad-image.js';
import { limitConcurrency } from './concurrency.js';
import type { Dataset } from './dataset.js';
import { batchesPerEpoch, epochOrder } from './epoch-order.js';
import { type Image, type Sample, shapeName } from './image.js';
import { type ByteImage, type ModelImage, type ModelImages, NORMALISATIONS } from './normalise.js';
import type { Transform } from './transform.js';

/** One batch on the host. Its images are bytes, or normalised numbers, as the transform left them. */
export type Batch = ModelImages & BatchFacts;

interface BatchFacts {
  /** Its number in the epoch. */
  readonly index: number;
  /** [batch, height, width, channel] of `images`. */
  readonly shape: readonly [batch: number, height: number, width: number, channels: number];
  /** [batch]; absent unless every image has a label. */
  readonly labels?: Int32Array;
  /** [batch]: where each image stands in the data set. */
  readonly indices: Uint32Array;
  /** How many images of this batch were bad, and had another put in their place. */
  readonly skipped: number;
}

/** A bad image that was left out. */
export interface SkippedImage {
  readonly index: number;
  readonly error: BadImageError;
}

export interface BatchOptions {
  /** Images a batch. */
  readonly batch: number;
  /** Decides order and augmentation, together with the epoch. */
  readonly key: Key;
  readonly epoch: number;
  /** The first batch to give; those before it cost nothing. Default 0. */
  readonly startBatch?: number;
  /** Default true; otherwise the data set's own order. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is not full. Default true: a step's shapes are static. */
  readonly dropLast?: boolean;
  /** Its results must all be of one shape and kind. Default: the pixels, to be divided by 255. */
  readonly transform?: Transform;
  /** Batches to prepare while the consumer works on one. Default 2. */
  readonly prefetch?: number;
  /** Images to decode at a time. Default 8. */
  readonly concurrency?: number;
  /** On a BadImageError: stop with it (the default), or take the next image of the epoch's order. */
  readonly onBadImage?: 'skip' | 'fail';
  /** Called for every bad image of a batch, just before that batch is given. */
  readonly onSkip?: (skipped: SkippedImage) => void;
}

/**
 * The batches of one epoch. Batch k is a function of the data set, key, epoch and k alone: starting at `startBatch`
 * gives what a straight run gives from there on, bad images or not.
 *
 * A batch is always full: a bad image is replaced by the next good one in the epoch's order, which keeps its own place
 * too. Other errors than BadImageError, of the data set or the transform, end the iteration.
 *
 * @throws at once when an option is out of range, or when the data set has no full batch.
 */
export function batches(dataset: Dataset, options: BatchOptions): AsyncGenerator<Batch, void, void> {
  checkOptions(dataset, options);
  return prefetched(dataset, options);
}

async function* prefetched(dataset: Dataset, options: BatchOptions): AsyncGenerator<Batch, void, void> {
  const { startBatch = 0, prefetch = 2, dropLast = true, onSkip } = options;
  const end = batchesPerEpoch(dataset.length, options.batch, dropLast);
  const reader = batchReader(dataset, options);
  const ahead: Promise<ReadBatch>[] = [];
  let next = startBatch;
  try {
    while (next < end || ahead.length > 0) {
      // One that is asked for now, and `prefetch` to go on with while the consumer works on it.
      while (ahead.length <= prefetch && next < end) ahead.push(settledLater(reader.read(next++)));
      const { batch, skipped } = await ahead.shift()!;
      for (const image of skipped) onSkip?.(image);
      yield batch;
    }
  } finally {
    reader.stop();
  }
}

/** A batch may fail long before anyone asks for it; that is no unhandled rejection. */
function settledLater<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {});
  return promise;
}

interface ReadBatch {
  readonly batch: Batch;
  readonly skipped: readonly SkippedImage[];
}

/** What became of one place of a batch. */
interface ReadImage {
  readonly index: number;
  readonly sample: Sample;
  readonly image: ModelImage;
  /** Why the place has not the image that the order gave it. */
  readonly skipped?: SkippedImage;
}

/** Reads whole batches by number, in any order. */
function batchReader(
  dataset: Dataset,
  options: BatchOptions,
): { read(index: number): Promise<ReadBatch>; stop(): void } {
  const { batch: size, key, epoch, concurrency = 8, shuffle = true, onBadImage = 'fail' } = options;
  const transform = options.transform ?? untouched;
  const order = shuffle ? epochOrder(key, epoch, dataset.length) : undefined;
  const augmentation = fold(fold(key, 'augmentation'), epoch);
  const limited = limitConcurrency(concurrency);
  const bad = new Map<number, BadImageError>();
  let stopped = false;

  async function read(index: number): Promise<ReadBatch> {
    const start = index * size;
    const count = Math.min(size, dataset.length - start);
    const batch = new BatchBuffer(count);
    const places = Array.from({ length: count }, (_, place) =>
      limited(async () => {
        const image = await readPlace(start + place);
        batch.put(place, image);
        return image.skipped ?? [];
      }),
    );
    const skipped = (await Promise.all(places)).flat();
    return { batch: batch.finish(index, skipped.length), skipped };
  }

  async function readPlace(position: number): Promise<ReadImage> {
    let skipped: SkippedImage | undefined;
    for (let step = 0; step < dataset.length; step++) {
      if (stopped) throw new Error('the consumer has stopped');
      const place = (position + step) % dataset.length;
      const index = order ? order[place]! : place;
      const image = await readImage(index);
      if (!(image instanceof BadImageError)) return skipped ? { ...image, skipped } : image;
      if (onBadImage === 'fail') throw image;
      skipped ??= { index, error: image };
    }
    throw new Error(`all ${dataset.length} images of ${dataset.name} are bad; ${skipped?.error.message}`);
  }

  async function readImage(index: number): Promise<ReadImage | BadImageError> {
    const known = bad.get(index);
    if (known) return known;
    try {
      const sample = await dataset.get(index);
      const image = transform(sample, fold(augmentation, index));
      if ('values' in image) assertFinite(image, sample.name);
      return { index, sample, image };
    } catch (error) {
      if (!(error instanceof BadImageError)) throw error;
      bad.set(index, error);
      return error;
    }
  }

  return {
    read,
    stop: () => {
      stopped = true;
    },
  };
}

/** Gathers images into one array as they come. */
class BatchBuffer {
  readonly #count: number;
  readonly #indices: Uint32Array;
  readonly #labels: Int32Array;
  #labelled = true;
  #first: ModelImage | undefined;
  #images: Uint8Array | Float32Array = new Uint8Array(0);

  constructor(count: number) {
    this.#count = count;
    this.#indices = new Uint32Array(count);
    this.#labels = new Int32Array(count);
  }

  put(place: number, { index, sample, image }: ReadImage): void {
    const pixels = 'values' in image ? image.values : image.pixels;
    if (!this.#first) {
      this.#first = image;
      const size = this.#count * pixels.length;
      this.#images = 'values' in image ? new Float32Array(size) : new Uint8Array(size);
    }
    assertAlike(image, this.#first, sample.name);
    this.#images.set(pixels, place * pixels.length);
    this.#indices[place] = index;
    if (sample.label === undefined) this.#labelled = false;
    else this.#labels[place] = sample.label;
  }

  finish(index: number, skipped: number): Batch {
    const { height, width, channels } = this.#first!;
    const images =
      'values' in this.#first!
        ? { images: this.#images as Float32Array }
        : { images: this.#images as Uint8Array, normalisation: this.#first!.normalisation };
    return {
      index,
      ...images,
      shape: [this.#count, height, width, channels],
      ...(this.#labelled && { labels: this.#labels }),
      indices: this.#indices,
      skipped,
    };
  }
}

/** @throws when an image is of another shape or kind than the first of its batch. */
function assertAlike(image: ModelImage, first: ModelImage, name: string): void {
  if (shapeName(image) !== shapeName(first))
    throw new Error(
      `${name} is ${shapeName(image)} where others of its batch are ${shapeName(first)} ` +
        '(height x width x channels); give a transform that makes one size of them',
    );
  if (kindName(image) !== kindName(first))
    throw new Error(`${name} is ${kindName(image)} where others of its batch are ${kindName(first)}`);
}

function kindName(image: ModelImage): string {
  if ('values' in image) return 'numbers';
  const { mean, std } = image.normalisation;
  return `bytes of mean [${mean}] and deviation [${std}]`;
}

function untouched({ height, width, channels, pixels }: Image): ByteImage {
  return { height, width, channels, pixels, normalisation: NORMALISATIONS.none };
}

function checkOptions(dataset: Dataset, options: BatchOptions): void {
  const { batch, epoch, startBatch = 0, prefetch = 2, concurrency = 8, dropLast = true } = options;
  checkWhole('batch', batch, 1);
  checkWhole('epoch', epoch, 0);
  checkWhole('startBatch', startBatch, 0);
  checkWhole('prefetch', prefetch, 0);
  checkWhole('concurrency', concurrency, 1);
  if (dataset.length === 0) throw new Error(`${dataset.name} has no images`);
  const count = batchesPerEpoch(dataset.length, batch, dropLast);
  if (count === 0)
    throw new Error(
      `${dataset.name} has ${dataset.length} images, fewer than one batch of ${batch}; ` +
        `lower the batch to at most ${dataset.length}, or set dropLast to false`,
    );
  if (startBatch > count) throw new Error(`startBatch ${startBatch} is after the epoch's ${count} batches`);
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`${name} must be a whole number from ${least}, got ${value}`);
}
