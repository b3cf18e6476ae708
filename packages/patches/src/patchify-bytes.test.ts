import { kernelModes, withKernelMode } from '@maehem/kernels';
import { describeOnEveryBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { patchifyArray, patchifyBytes, uploadBytes } from './index.js';

/** Numbers that no arithmetic gives: only a table does. */
function someLevels(channels: number): Float32Array {
  return Float32Array.from({ length: channels * 256 }, (_, place) => Math.sin(place) / 3);
}

function someBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i * 37 + 250) % 256);
}

describeOnEveryBackend('patchifyBytes', (backend) => {
  // WebGPU has the kernel alone: see `unpack`.
  const left = backend === 'webgpu' ? ['host', 'composite'] : ['host'];
  describe.each(kernelModes(backend).filter((mode) => !left.includes(mode)))('%s', (mode) => {
    it.each([
      { height: 4, width: 8, patch: [2, 4] as const, channels: 3, kept: 3 },
      { height: 4, width: 6, patch: [2, 3] as const, channels: 3, kept: 3 },
      { height: 4, width: 6, patch: [2, 3] as const, channels: 4, kept: 3 },
      { height: 4, width: 6, patch: [2, 3] as const, channels: 4, kept: 1 },
      { height: 4, width: 8, patch: [4, 4] as const, channels: 1, kept: 1 },
      { height: 3, width: 5, patch: [3, 5] as const, channels: 1, kept: 1 },
    ])('$height x $width x $channels in $patch, $kept of them', async (picture) => {
      const { height, width, patch, channels, kept } = picture;
      const bytes = someBytes(2 * height * width * channels);
      const levels = someLevels(kept);
      const numbers = Float32Array.from(
        bytes.filter((_, i) => i % channels < kept),
        (byte, i) => levels[(i % kept) * 256 + byte]!,
      );
      const wanted = patchifyArray(numbers, [2, height, width, kept], patch);
      await withKernelMode(mode, async () => {
        const pixels = uploadBytes(bytes, 2);
        const patches = patchifyBytes(
          pixels,
          [height, width, channels],
          patch,
          tf.tensor2d(levels, [kept, 256]),
        );
        expect(patches.shape.slice(0, 2)).toEqual([2, (height / patch[0]) * (width / patch[1])]);
        expect(await patches.data()).toEqual(wanted);
      });
    });
  });

  it('packs a batch from the middle of a buffer', async () => {
    const words = uploadBytes(someBytes(25).subarray(1), 2);
    expect([...(await words.data())]).toEqual([...new Int32Array(someBytes(25).slice(1).buffer)]);
  });

  it('names sizes that do not fit', () => {
    const levels = tf.zeros<tf.Rank.R2>([3, 256]);
    const pixels = uploadBytes(new Uint8Array(96), 2);
    expect(() => uploadBytes(new Uint8Array(10), 3)).toThrow('10 bytes are not 3 images of one size');
    expect(() => patchifyBytes(pixels, [4, 4, 3], [3, 4], levels)).toThrow('does not divide');
    expect(() => patchifyBytes(pixels, [4, 8, 3], [4, 4], levels)).toThrow(
      'int32 [batch, 24] for images of 4x8x3, got int32 [2,12]',
    );
    expect(() => patchifyBytes(tf.zeros([2, 12]), [4, 4, 3], [4, 4], levels)).toThrow('got float32 [2,12]');
    expect(() => patchifyBytes(uploadBytes(new Uint8Array(32), 2), [4, 4, 1], [4, 4], levels)).toThrow(
      'for at most 1 channel(s), got [3,256]',
    );
  });
});
