import type { Dataset } from './dataset.js';
import type { Sample } from './image.js';

/**
 * Keeps decoded images, so that later epochs decode nothing. The first images to come stay: with a random order
 * each epoch, throwing out the oldest would throw out what comes next as often as not.
 * @param maxBytes of pixels to keep; what does not fit is read again every time
 */
export function cached(dataset: Dataset, maxBytes: number): Dataset {
  const kept = new Map<number, Sample>();
  let bytes = 0;
  const keep = (index: number, sample: Sample): void => {
    if (kept.has(index) || bytes + sample.pixels.length > maxBytes) return;
    kept.set(index, sample);
    bytes += sample.pixels.length;
  };
  const read = async (index: number): Promise<Sample> => {
    const sample = await dataset.get(index);
    keep(index, sample);
    return sample;
  };
  return {
    name: dataset.name,
    length: dataset.length,
    ...(dataset.classes && { classes: dataset.classes }),
    ...(dataset.fingerprint !== undefined && { fingerprint: dataset.fingerprint }),
    get: (index) => kept.get(index) ?? read(index),
  };
}
