import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seed } from '@maehem/random';
import { sharedFolder } from '@maehem/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  centreCrop,
  crop,
  evaluationTransform,
  type Image,
  normalisedValues,
  resample,
  resizeShortSide,
} from '../index.js';
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
const NO_GOLDENS = 'no ../shared/parity beside the checkout (MAEHEM_SHARED names another place)';

describe('Pillow’s figures', () => {
  beforeEach((context) => {
    if (folder === undefined) context.skip(NO_GOLDENS);
  });
  const figures = (): ReturnType<typeof goldens> => goldens(join(folder!, 'image.safetensors'));
  const picture = (): Promise<Image> => decodeImageFile(join(folder!, 'image.png'));

  it('short side 64 and central crop 56, to the bit', async () => {
    const golden = figures();
    const resized = resizeShortSide(await picture(), 64);
    expect([resized.height, resized.width]).toEqual([85, 64]);
    expect(resized.pixels).toEqual(golden('resized_64short'));
    expect(centreCrop(resized, 56).pixels).toEqual(golden('center_crop_56'));
  });

  it('the whole evaluation transform, to the bit', async () => {
    const transform = evaluationTransform({
      size: 56,
      channels: 3,
      normalisation: 'imagenet',
      shortSide: 64,
    });
    expect(normalisedValues(transform(await picture(), seed(0)))).toEqual(figures()('normalized_hwc'));
  });

  it('a resized box, to the bit; cropped first, within 1/255 on average', async () => {
    const image = await picture();
    const box = { left: 10, top: 20, width: 60, height: 50 };
    const expected = figures()('random_resized_crop_box_10_20_60_50_to_32');
    expect(resample(image, 32, box).pixels).toEqual(expected);
    // torchvision crops first: another edge, the same inside.
    const { pixels } = resample(crop(image, box), 32);
    const error = pixels.reduce((sum, value, i) => sum + Math.abs(value - expected[i]!), 0) / pixels.length;
    expect(error).toBeLessThan(0.3);
  });
});
