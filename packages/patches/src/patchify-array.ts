import { patchGrid } from './grid.js';

/** `[batch, height, width, channels]` of an array of images. */
type ImagesShape = readonly [batch: number, height: number, width: number, channels: number];

/**
 * Cut images into patches on the host, as {@link patchify} does on tensors.
 * @param images [batch, height, width, channel]
 * @param shape `[batch, height, width, channels]`
 * @param patchSize in pixels: one number for square patches, or [height, width]
 * @returns [batch, token, patch height * patch width * channel], pixels in (row, column, channel) order
 * @throws when the array does not have that shape, or an image is not a whole number of patches.
 */
export function patchifyArray(
  images: Float32Array,
  shape: ImagesShape,
  patchSize: number | readonly [number, number],
): Float32Array {
  const patches = new Float32Array(images.length);
  eachStrip('images', images, shape, patchSize, (inImages, inPatches, length) =>
    patches.set(images.subarray(inImages, inImages + length), inPatches),
  );
  return patches;
}

/**
 * Put patches together again on the host: the inverse of {@link patchifyArray}.
 * @param patches [batch, token, patch values]
 * @param shape `[batch, height, width, channels]` of the images
 * @param patchSize in pixels: one number for square patches, or [height, width]
 * @returns [batch, height, width, channel]
 * @throws when the array does not hold that many values, or an image is not a whole number of patches.
 */
export function unpatchifyArray(
  patches: Float32Array,
  shape: ImagesShape,
  patchSize: number | readonly [number, number],
): Float32Array {
  const images = new Float32Array(patches.length);
  eachStrip('patches', patches, shape, patchSize, (inImages, inPatches, length) =>
    images.set(patches.subarray(inPatches, inPatches + length), inImages),
  );
  return images;
}

/** Visit every row of pixels of every patch: contiguous in the image and in the patch. */
function eachStrip(
  name: string,
  values: Float32Array,
  [batch, height, width, channels]: ImagesShape,
  patchSize: number | readonly [number, number],
  visit: (inImages: number, inPatches: number, length: number) => void,
): void {
  const grid = patchGrid(height, width, patchSize);
  if (values.length !== batch * height * width * channels)
    throw new Error(
      `${name} of ${values.length} values are not a batch of ${batch} images of ${height}x${width}x${channels}`,
    );
  const [patchHeight, patchWidth] = grid.patchSize;
  const length = patchWidth * channels;
  let inPatches = 0;
  for (let sample = 0; sample < batch; sample++)
    for (let row = 0; row < grid.rows; row++)
      for (let column = 0; column < grid.columns; column++)
        for (let y = 0; y < patchHeight; y++) {
          const line = (sample * height + row * patchHeight + y) * width + column * patchWidth;
          visit(line * channels, inPatches, length);
          inPatches += length;
        }
}
