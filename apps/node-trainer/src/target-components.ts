import { normalisedImages } from '@maehem/data';
import { patchifyArray } from '@maehem/patches';
import { type PretrainConfig, pcaProjection } from '@maehem/train';
import type { TrainingImages } from './data-source.js';

/** Images in which principal components are looked for: their patches are many times as many. */
const IMAGES = 1000;

/** The components of a run's target, from the first images of its first epoch; nothing for other targets. */
export async function targetComponents(
  { target, model, normPix }: PretrainConfig,
  { epochs }: TrainingImages,
): Promise<{ readonly components?: Float32Array }> {
  if (target !== 'pca') return {};
  const [height, width] = model.imageSize;
  const values = model.patchSize[0] * model.patchSize[1] * model.channels;
  const parts: Float32Array[] = [];
  let count = 0;
  for await (const given of epochs(0, 0)) {
    const images = normalisedImages(given, model.channels);
    const batch = images.length / (height * width * model.channels);
    const patches = patchifyArray(images, [batch, height, width, model.channels], model.patchSize);
    parts.push(normPix ? normalised(patches, values) : patches);
    count += batch;
    if (count >= IMAGES) break;
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { components: pcaProjection(all, values) };
}

/** Each patch less its mean, over its deviation. */
function normalised(patches: Float32Array, values: number): Float32Array {
  const out = new Float32Array(patches.length);
  for (let start = 0; start < patches.length; start += values) {
    const patch = patches.subarray(start, start + values);
    const mean = patch.reduce((sum, value) => sum + value, 0) / values;
    const squares = patch.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const scale = 1 / Math.sqrt(squares / (values - 1) + 1e-6);
    for (let i = 0; i < values; i++) out[start + i] = (patch[i]! - mean) * scale;
  }
  return out;
}
