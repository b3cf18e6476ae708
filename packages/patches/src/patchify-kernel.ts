import { defineKernel, floats, type Kernel } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { patchifyWebGpu } from './patchify-webgpu.js';

/** A type, so that it can stand as a kernel's attributes. */
export type PatchifyAttrs = {
  readonly patchHeight: number;
  readonly patchWidth: number;
  /** For each channel: value * scale + shift. */
  readonly scale: readonly number[];
  readonly shift: readonly number[];
};

/** images [batch, height, width, channel] → [patches [batch, token, patch values]] */
export const patchifyKernel: Kernel<{ images: tf.Tensor }, PatchifyAttrs> = defineKernel<
  { images: tf.Tensor },
  PatchifyAttrs
>({
  name: 'MaehemPatchify',
  webgpu: patchifyWebGpu,
  host: ({ images }, attrs, memory) => {
    const { patchHeight, patchWidth, scale, shift } = attrs;
    const [, height, width] = images.shape as [number, number, number];
    const output = memory.allocate(patchesShape(images, attrs), 'float32');
    const patches = floats(memory, output);
    const values = floats(memory, images);
    const channels = scale.length;
    let to = 0;
    for (let top = 0; top < images.shape[0]! * height; top += patchHeight)
      for (let left = 0; left < width; left += patchWidth)
        for (let y = top; y < top + patchHeight; y++)
          for (let x = left; x < left + patchWidth; x++)
            for (let c = 0; c < channels; c++)
              patches[to++] = values[(y * width + x) * channels + c]! * scale[c]! + shift[c]!;
    return [output];
  },
  composite: ({ images }, attrs) =>
    tf.tidy(() => {
      const { patchHeight, patchWidth, scale, shift } = attrs;
      const [batch, height, width] = images.shape as [number, number, number];
      const [rows, columns] = [height / patchHeight, width / patchWidth];
      const plain = scale.every((factor) => factor === 1) && shift.every((term) => term === 0);
      const scaled = plain
        ? images
        : tf.add(tf.mul(images, tf.tensor1d([...scale])), tf.tensor1d([...shift]));
      // Two axes swap places in a 4-D transpose: tfjs is slow on 5-D ones everywhere.
      const strips = tf.reshape(scaled, [batch * rows, patchHeight, columns, patchWidth * scale.length]);
      return [tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), patchesShape(images, attrs))];
    }),
});

/** [batch, token, patch values] */
export function patchesShape(
  { shape }: tf.TensorInfo,
  { patchHeight, patchWidth, scale }: PatchifyAttrs,
): [number, number, number] {
  const [batch, height, width] = shape as [number, number, number];
  const tokens = (height / patchHeight) * (width / patchWidth);
  return [batch, tokens, patchHeight * patchWidth * scale.length];
}
