import { type Key, permutation } from '@maehem/random';
import { fingerprint } from './fingerprint.js';
import { type Sample, shapeName } from './image.js';

/** Images by index. Reading an index twice gives the same sample; order and augmentation are decided elsewhere. */
export interface Dataset {
  readonly name: string;
  readonly length: number;
  /** Class names by label. */
  readonly classes?: readonly string[];
  /**
   * The same text for the same images in the same order, as far as their number, their names in the data set and their
   * labels tell: by it a resumed run sees that its images are still there. Pixels are not looked at.
   */
  readonly fingerprint?: string;
  /**
   * @param index from 0 to length - 1
   * @throws RangeError outside of that; BadImageError when the image can't be decoded.
   */
  get(index: number): Sample | Promise<Sample>;
}

/** A data set of samples at hand. */
export function inMemoryDataset(
  name: string,
  samples: readonly Sample[],
  classes?: readonly string[],
): Dataset {
  return {
    name,
    length: samples.length,
    ...(classes && { classes }),
    get: (index) => samples[checkIndex(name, index, samples.length)]!,
  };
}

/** Images of one shape, one after the other in memory. */
export interface PackedImages {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [image, height, width, channel] */
  readonly pixels: Uint8Array;
  /** [image] */
  readonly labels?: Uint8Array | Int32Array;
  readonly classes?: readonly string[];
}

/**
 * A data set of images of one shape; samples are views, named `name[index]`.
 * @throws when the pixels are not whole images, or there is not one label for each.
 */
export function packedDataset(packed: PackedImages): Dataset {
  const { name, height, width, channels, pixels, labels, classes } = packed;
  const size = height * width * channels;
  const length = pixels.length / size;
  if (!Number.isInteger(length))
    throw new Error(`${name}: ${pixels.length} bytes are not a whole number of ${shapeName(packed)} images`);
  if (labels && labels.length !== length)
    throw new Error(`${name}: ${length} images but ${labels.length} labels; both must be of the same split`);
  const get = (index: number): Sample => {
    checkIndex(name, index, length);
    const view = pixels.subarray(index * size, (index + 1) * size);
    const image = { name: `${name}[${index}]`, height, width, channels, pixels: view };
    return labels ? { ...image, label: labels[index]! } : image;
  };
  const marks = labels ?? new Uint8Array();
  const mark = fingerprint(new Uint8Array(marks.buffer, marks.byteOffset, marks.byteLength), length);
  return { name, length, ...(classes && { classes }), fingerprint: mark, get };
}

/**
 * The samples of `dataset` at `indices`, in that order.
 * @throws RangeError when an index is outside the data set.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>, name: string = dataset.name): Dataset {
  const chosen = Uint32Array.from(indices, (index) => checkIndex(dataset.name, index, dataset.length));
  return {
    name,
    length: chosen.length,
    ...(dataset.classes && { classes: dataset.classes }),
    get: (index) => dataset.get(chosen[checkIndex(name, index, chosen.length)]!),
  };
}

/**
 * Two data sets without a common sample, drawn by `key`, each in the order of `dataset`.
 * @param heldOut how many samples the second gets: a count from 1, or a fraction below 1
 * @throws when that leaves either of them empty.
 */
export function splitDataset(dataset: Dataset, key: Key, heldOut: number): [rest: Dataset, heldOut: Dataset] {
  const count = heldOut < 1 ? Math.round(heldOut * dataset.length) : heldOut;
  if (!Number.isInteger(count) || count < 1 || count >= dataset.length)
    throw new Error(
      `can't hold ${heldOut} out of the ${dataset.length} images of ${dataset.name}; both parts need some`,
    );
  const order = permutation(key, dataset.length);
  return [
    subset(dataset, order.slice(count).sort(), `${dataset.name} (rest)`),
    subset(dataset, order.slice(0, count).sort(), `${dataset.name} (held out)`),
  ];
}

/** @throws RangeError when there is no such sample. */
export function checkIndex(name: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new RangeError(`${name} has no image ${index}; its ${length} images are numbered from 0`);
}
