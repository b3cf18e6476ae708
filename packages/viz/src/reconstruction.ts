import { type MosaicOptions, mosaic } from './mosaic.js';
import { filled, type Rgb, type RgbaImage } from './rgba-image.js';
import { type PixelFormat, toRgba } from './to-rgba.js';

/** What a masked autoencoder saw and made of a batch of images. */
export interface Reconstruction extends PixelFormat {
  /** The input, `[batch, height, width, channel]`, normalised. */
  readonly images: Float32Array;
  /** The model's patches, `[batch, token, rows * columns * channel]`, values in (row, column, channel) order. */
  readonly prediction: Float32Array;
  /** `[batch, token]`: 1 where the token was removed, 0 where the encoder saw it. */
  readonly mask: Float32Array | Int32Array | Uint8Array;
  /** In pixels: one number for square patches, or `[height, width]`. */
  readonly patchSize: number | readonly [height: number, width: number];
  /**
   * Did the model predict patches normalised by their own mean and variance (paper, section 3)? Then each patch is
   * given the original's mean and unbiased variance back, as only a picture may: the model never sees them.
   */
  readonly normPix: boolean;
}

/** One image in the four stages of the paper's figures. */
export interface ReconstructionStages {
  readonly original: RgbaImage;
  /** Removed patches in grey. */
  readonly masked: RgbaImage;
  /** Every patch as predicted. Where the loss is on removed patches alone, the visible ones carry no meaning. */
  readonly reconstruction: RgbaImage;
  /** Removed patches as predicted, visible ones from the original. */
  readonly pasted: RgbaImage;
}

/** The epsilon of the reference's norm-pix target. */
const EPSILON = 1e-6;
const REMOVED: Rgb = [128, 128, 128];

/**
 * The stages of every image of a batch.
 * @throws when the arrays don't have the lengths that the sizes ask for, or the patch doesn't divide the image.
 */
export function reconstructionStages(reconstruction: Reconstruction): ReconstructionStages[] {
  const { height, width, channels, images, prediction, mask, normPix } = reconstruction;
  const patch = patchSides(reconstruction);
  const pixels = height * width * channels;
  const tokens = (height / patch[0]) * (width / patch[1]);
  const batch = checkedBatch(reconstruction, pixels, tokens);
  const order = patchOrder(reconstruction, patch);
  return Array.from({ length: batch }, (_, index) => {
    const image = images.subarray(index * pixels, (index + 1) * pixels);
    const predicted = prediction.subarray(index * pixels, (index + 1) * pixels);
    const patches = normPix ? denormalised(predicted, image, order, pixels / tokens) : predicted;
    const removed = mask.subarray(index * tokens, (index + 1) * tokens);
    const original = toRgba(image, reconstruction);
    const whole = toRgba(unpatchified(patches, order), reconstruction);
    const grey = filled(width, height, REMOVED);
    return {
      original,
      masked: choose(removed, grey, original, patch),
      reconstruction: whole,
      pasted: choose(removed, whole, original, patch),
    };
  });
}

/**
 * The picture that tells how training goes: a row per image, columns original, masked, reconstruction, and
 * reconstruction with the visible patches pasted in.
 * @param options `labels` replaces the columns' names, `[]` leaves them out; `scale` defaults to what makes a small
 *   image about 96 pixels high.
 * @throws as `reconstructionStages` does.
 */
export function reconstructionMosaic(reconstruction: Reconstruction, options: MosaicOptions = {}): RgbaImage {
  const rows = reconstructionStages(reconstruction).map((stages) => [
    stages.original,
    stages.masked,
    stages.reconstruction,
    stages.pasted,
  ]);
  return mosaic(rows, {
    scale: Math.max(1, Math.round(96 / reconstruction.height)),
    labels: ['original', 'masked', 'reconstruction', '+ visible'],
    ...options,
  });
}

type Sides = readonly [height: number, width: number];

/** Height and width of a patch. @throws when such patches don't tile the image. */
function patchSides({ height, width, patchSize }: Reconstruction): Sides {
  const sides: Sides = typeof patchSize === 'number' ? [patchSize, patchSize] : patchSize;
  if (!Number.isInteger(height / sides[0]) || !Number.isInteger(width / sides[1]))
    throw new Error(`patches of ${sides.join('x')} do not divide an image of ${height}x${width}`);
  return sides;
}

function checkedBatch({ images, prediction, mask }: Reconstruction, pixels: number, tokens: number): number {
  const batch = images.length / pixels;
  if (!Number.isInteger(batch) || batch === 0)
    throw new Error(`images of ${pixels} values each, but ${images.length} values were given`);
  if (prediction.length !== images.length)
    throw new Error(`${images.length} predicted values expected, got ${prediction.length}`);
  if (mask.length !== batch * tokens)
    throw new Error(`a mask of [${batch}, ${tokens}] expected, got ${mask.length} values`);
  return batch;
}

/** For each value of an image's patches, in patch order, its place in the image's `[height, width, channel]`. */
function patchOrder({ height, width, channels }: Reconstruction, [tall, wide]: Sides): Uint32Array {
  const order = new Uint32Array(height * width * channels);
  const across = width / wide;
  let next = 0;
  for (let token = 0; token < across * (height / tall); token++) {
    const top = Math.floor(token / across) * tall;
    const left = (token % across) * wide;
    for (let row = top; row < top + tall; row++)
      for (let value = left * channels; value < (left + wide) * channels; value++)
        order[next++] = row * width * channels + value;
  }
  return order;
}

/** Patches back to an image. */
function unpatchified(patches: Float32Array, order: Uint32Array): Float32Array {
  const image = new Float32Array(patches.length);
  for (const [from, to] of order.entries()) image[to] = patches[from]!;
  return image;
}

/** Give each predicted patch the mean and the unbiased standard deviation of its original. */
function denormalised(
  patches: Float32Array,
  image: Float32Array,
  order: Uint32Array,
  size: number,
): Float32Array {
  const out = new Float32Array(patches.length);
  for (let start = 0; start < patches.length; start += size) {
    const original = Float64Array.from(order.subarray(start, start + size), (place) => image[place]!);
    const mean = original.reduce((sum, value) => sum + value, 0) / size;
    const variance = original.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (size - 1);
    const deviation = Math.sqrt(variance + EPSILON);
    for (let at = start; at < start + size; at++) out[at] = patches[at]! * deviation + mean;
  }
  return out;
}

/** An image whose patches come from `removed` where the mask is 1, else from `visible`. */
function choose(
  mask: ArrayLike<number>,
  removed: RgbaImage,
  visible: RgbaImage,
  [tall, wide]: Sides,
): RgbaImage {
  const { width, height } = visible;
  const data = visible.data.slice();
  const across = width / wide;
  for (let y = 0; y < height; y++)
    for (let tokenX = 0; tokenX < across; tokenX++) {
      if (!mask[Math.floor(y / tall) * across + tokenX]) continue;
      const start = (y * width + tokenX * wide) * 4;
      data.set(removed.data.subarray(start, start + wide * 4), start);
    }
  return { width, height, data };
}
