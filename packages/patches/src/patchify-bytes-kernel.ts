import { defineKernel, floats, integers, type Kernel } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { patchifyBytesTensorFlow } from './patchify-bytes-tensorflow.js';
import { patchifyBytesWebGpu } from './patchify-bytes-webgpu.js';

/** A type, so that it can stand as a kernel's attributes. */
export type PatchifyBytesAttrs = {
  readonly height: number;
  readonly width: number;
  /** Bytes a pixel. The levels say how many of them count. */
  readonly channels: number;
  readonly patchHeight: number;
  readonly patchWidth: number;
};

export type PatchifyBytesInputs = {
  /** int32 [batch, word] */
  readonly pixels: tf.Tensor;
  /** [channel, 256] */
  readonly levels: tf.Tensor;
};

/** → [patches [batch, token, patch values]] */
export const patchifyBytesKernel: Kernel<PatchifyBytesInputs, PatchifyBytesAttrs> = defineKernel<
  PatchifyBytesInputs,
  PatchifyBytesAttrs
>({
  name: 'MaehemPatchifyBytes',
  webgpu: patchifyBytesWebGpu,
  tensorflow: patchifyBytesTensorFlow,
  host: ({ pixels, levels }, attrs, memory) => {
    const { height, width, channels, patchHeight, patchWidth } = attrs;
    const [batch, words] = pixels.shape as [number, number];
    const kept = levels.shape[0]!;
    const output = memory.allocate(patchesShape(batch, kept, attrs), 'float32');
    const patches = floats(memory, output);
    const table = floats(memory, levels);
    const packed = integers(memory, pixels);
    const bytes = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
    let to = 0;
    for (let image = 0; image < batch; image++)
      for (let top = 0; top < height; top += patchHeight)
        for (let left = 0; left < width; left += patchWidth)
          for (let y = top; y < top + patchHeight; y++) {
            let from = image * words * 4 + (y * width + left) * channels;
            for (let x = 0; x < patchWidth; x++, from += channels)
              for (let c = 0; c < kept; c++) patches[to++] = table[(c << 8) | bytes[from + c]!]!;
          }
    return [output];
  },
  composite: ({ pixels, levels }, attrs) =>
    tf.tidy(() => {
      const { height, width, channels, patchHeight, patchWidth } = attrs;
      const [batch] = pixels.shape as [number, number];
      const kept = levels.shape[0]!;
      const [rows, columns] = [height / patchHeight, width / patchWidth];
      const bytes = tf.slice(unpack(pixels), [0, 0], [batch, height * width * channels]);
      // Two axes swap places in a 4-D transpose: tfjs is slow on 5-D ones everywhere.
      const strips = tf.reshape(bytes, [batch * rows, patchHeight, columns, patchWidth * channels]);
      const values = tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [-1, channels]);
      const starts = tf.tensor1d(Array.from({ length: kept }, (_, channel) => 256 * channel));
      const places = tf.cast(tf.add(tf.slice(values, [0, 0], [-1, kept]), starts), 'int32');
      const numbers = tf.gather(tf.reshape(levels, [-1]), places);
      return [tf.reshape(numbers, patchesShape(batch, kept, attrs))];
    }),
});

/** [batch, token, patch values] */
export function patchesShape(
  batch: number,
  channels: number,
  { height, width, patchHeight, patchWidth }: PatchifyBytesAttrs,
): [number, number, number] {
  const tokens = (height / patchHeight) * (width / patchWidth);
  return [batch, tokens, patchHeight * patchWidth * channels];
}

/**
 * [batch, word] → float32 [batch, byte]. Engines do most int32 arithmetic in float32, of 24 bits; products wrap around
 * in all but tfjs's WebGPU, which saturates them. So a byte is moved to the top, which float32 has room for, and the
 * rest is fractions.
 * @throws on WebGPU, where no arithmetic of tfjs reaches the lower bytes.
 */
function unpack(pixels: tf.Tensor): tf.Tensor2D {
  if (tf.getBackend() === 'webgpu')
    throw new Error(
      'patchifyBytes has no composite on WebGPU, whose int32 products do not wrap around; use its kernel',
    );
  const bytes = [0, 1, 2, 3].map((place) => {
    const atTop = tf.cast(tf.mul(pixels, tf.scalar(2 ** (24 - 8 * place), 'int32')), 'float32');
    const signed = tf.floor(tf.div(atTop, 2 ** 24));
    return tf.sub(signed, tf.mul(tf.floor(tf.div(signed, 256)), 256));
  });
  const [batch, words] = pixels.shape as [number, number];
  return tf.reshape(tf.stack(bytes, -1), [batch, words * 4]);
}
