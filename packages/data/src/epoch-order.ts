import { fold, type Key, permutation } from '@maehem/random';

/** The order in which an epoch takes the images: a permutation of 0 … length - 1 that only the arguments decide. */
export function epochOrder(key: Key, epoch: number, length: number): Uint32Array {
  return permutation(fold(fold(key, 'order'), epoch), length);
}

/** How many batches an epoch has; without `dropLast` the last may be smaller. */
export function batchesPerEpoch(length: number, batch: number, dropLast = true): number {
  return dropLast ? Math.floor(length / batch) : Math.ceil(length / batch);
}
