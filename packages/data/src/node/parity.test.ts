import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seed } from '@maehem/random';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { centreCrop, crop, evaluationTransform, resample, resizeShortSide } from '../index.js';
import { decodeImageFile } from './index.js';

type Stored = Record<string, { dtype: 'F32' | 'U8'; data_offsets: [number, number] }>;

/** The arrays of a safetensors file that is known to be sound. */
function goldens(file: string): (name: string) => Uint8Array | Float32Array {
  const bytes = readFileSync(file);
  const data = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, data)) as Stored;
  return (name) => {
    const { dtype, data_offsets } = header[name]!;
    const copy = Uint8Array.from(bytes.subarray(data + data_offsets[0], data + data_offsets[1]));
    return dtype === 'F32' ? new Float32Array(copy.buffer) : copy;
  };
}

const folder = sharedFolder('parity');
const suffix = folder ? '' : ' (skipped: no ../shared/parity)';

describe.skipIf(!folder)(`Pillow’s figures${suffix}`, async () => {
  if (!folder) return;
  const golden = goldens(join(folder, 'image.safetensors'));
  const image = await decodeImageFile(join(folder, 'image.png'));
  const resized = resizeShortSide(image, 64);

  it('short side 64, to the bit', () => {
    expect([resized.height, resized.width]).toEqual([85, 64]);
    expect(resized.pixels).toEqual(golden('resized_64short'));
  });

  it('central crop 56, to the bit', () => {
    expect(centreCrop(resized, 56).pixels).toEqual(golden('center_crop_56'));
  });

  it('the whole evaluation transform, to the bit', () => {
    const transform = evaluationTransform({
      size: 56,
      channels: 3,
      normalisation: 'imagenet',
      shortSide: 64,
    });
    expect(transform(image, seed(0)).values).toEqual(golden('normalized_hwc'));
  });

  it('a resized box, to the bit; cropped first, within 1/255 on average', () => {
    const box = { left: 10, top: 20, width: 60, height: 50 };
    const expected = golden('random_resized_crop_box_10_20_60_50_to_32');
    expect(resample(image, 32, box).pixels).toEqual(expected);
    // torchvision crops first: another edge, the same inside.
    const { pixels } = resample(crop(image, box), 32);
    const error = pixels.reduce((sum, value, i) => sum + Math.abs(value - expected[i]!), 0) / pixels.length;
    expect(error).toBeLessThan(0.3);
  });
});
