import { type Dataset, packedDataset } from './dataset.js';
import { gunzip } from './gzip.js';
import { parseIdx } from './idx.js';

/** A file's bytes, and what to call it in messages. */
export interface NamedBytes {
  readonly source: string;
  readonly bytes: Uint8Array;
}

const DIGITS: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/**
 * MNIST, or another set in its format (Fashion-MNIST, KMNIST): gray images, labels 0 … 9.
 * @param images an IDX file of 3 dimensions, gzipped or not
 * @param labels an IDX file of 1 dimension, gzipped or not
 * @throws when a file is corrupt, when the counts differ, or when a label is not a digit.
 */
export async function mnistDataset(
  images: NamedBytes,
  labels: NamedBytes,
  name = 'mnist',
  classes: readonly string[] = DIGITS,
): Promise<Dataset> {
  const pixels = parseIdx(await gunzip(images.bytes, images.source), images.source, 3);
  const digits = parseIdx(await gunzip(labels.bytes, labels.source), labels.source, 1);
  const [count, height, width] = pixels.shape as [number, number, number];
  if (digits.data.length !== count)
    throw new Error(
      `${images.source} has ${count} images but ${labels.source} has ${digits.data.length} labels; ` +
        'both must be of the same split',
    );
  const wrong = digits.data.findIndex((label) => label >= classes.length);
  if (wrong >= 0)
    throw new Error(
      `${labels.source}: label ${wrong} is ${digits.data[wrong]}, not one of ${classes.length} classes`,
    );
  return packedDataset({
    name,
    height,
    width,
    channels: 1,
    pixels: pixels.data,
    labels: digits.data,
    classes,
  });
}
