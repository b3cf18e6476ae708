import { type Dataset, packedDataset } from './dataset.js';
import type { NamedBytes } from './mnist.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const CHANNELS = 3;

export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** How CIFAR-100's images are labelled: 100 fine classes in 20 coarse ones. */
export type Cifar100Labels = 'fine' | 'coarse';

/**
 * CIFAR-10 in its binary version: records of a label and 32x32 pixels, red, green, then blue plane.
 * @param files the batches, in order
 * @throws when a file is not whole records, or a label is not one of ten.
 */
export function cifar10Dataset(files: readonly NamedBytes[], name = 'cifar10'): Dataset {
  return cifarDataset(files, { name, labelBytes: 1, labelAt: 0, count: 10, classes: CIFAR10_CLASSES });
}

/**
 * CIFAR-100 in its binary version: as CIFAR-10, with a coarse and a fine label.
 * @throws when a file is not whole records, or a label is out of range.
 */
export function cifar100Dataset(
  files: readonly NamedBytes[],
  labels: Cifar100Labels = 'fine',
  classes?: readonly string[],
  name = 'cifar100',
): Dataset {
  const fine = labels === 'fine';
  return cifarDataset(files, {
    name,
    labelBytes: 2,
    labelAt: fine ? 1 : 0,
    count: fine ? 100 : 20,
    ...(classes && { classes }),
  });
}

interface CifarFormat {
  readonly name: string;
  readonly labelBytes: number;
  readonly labelAt: number;
  readonly count: number;
  readonly classes?: readonly string[];
}

function cifarDataset(files: readonly NamedBytes[], format: CifarFormat): Dataset {
  const { name, labelBytes, classes } = format;
  const record = labelBytes + CHANNELS * PLANE;
  for (const file of files) checkWholeRecords(file, record);
  const length = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  const pixels = new Uint8Array(length * CHANNELS * PLANE);
  const labels = new Uint8Array(length);
  let image = 0;
  for (const { source, bytes } of files)
    for (let offset = 0; offset < bytes.length; offset += record, image++) {
      labels[image] = checkLabel(bytes[offset + format.labelAt]!, format.count, source, offset / record);
      interleavePlanes(bytes, offset + labelBytes, pixels, image * CHANNELS * PLANE);
    }
  return packedDataset({
    name,
    height: SIDE,
    width: SIDE,
    channels: CHANNELS,
    pixels,
    labels,
    ...(classes && { classes }),
  });
}

function checkWholeRecords({ source, bytes }: NamedBytes, record: number): void {
  if (bytes.length > 0 && bytes.length % record === 0) return;
  throw new Error(
    `${source}: ${bytes.length} bytes are not a whole number of CIFAR records of ${record} bytes (truncated, or not ` +
      'the binary version); fetch the file again',
  );
}

function checkLabel(label: number, count: number, source: string, record: number): number {
  if (label < count) return label;
  throw new Error(
    `${source}: record ${record} has label ${label}, expected 0 to ${count - 1}; is this the right CIFAR?`,
  );
}

/** [channel, height, width] to [height, width, channel]. */
function interleavePlanes(from: Uint8Array, offset: number, to: Uint8Array, start: number): void {
  for (let pixel = 0, place = start; pixel < PLANE; pixel++) {
    to[place++] = from[offset + pixel]!;
    to[place++] = from[offset + PLANE + pixel]!;
    to[place++] = from[offset + 2 * PLANE + pixel]!;
  }
}
