import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Image } from '../image.js';
import { type AffineMatrix, affine, rotate } from './affine.js';
import { adjustBrightness, adjustColour, adjustContrast, adjustSharpness } from './enhance.js';
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from './tone.js';

// Made by tools/golden/pillow-augment.py.
const golden = JSON.parse(readFileSync(new URL('./pillow.golden.json', import.meta.url), 'utf8')) as Record<
  'RGB' | 'L',
  Record<string, string>
>;
const [HEIGHT, WIDTH] = [9, 12];
const FILL = [124, 116, 104];

function image(channels: number): Image {
  const pixels = Uint8Array.from(
    { length: HEIGHT * WIDTH * channels },
    (_, i) => ((i * 29 + ((i * i * 7) % 61) + Math.floor(i / 5)) % 200) + 20,
  );
  return { height: HEIGHT, width: WIDTH, channels, pixels };
}

const OPERATIONS: Record<string, (image: Image, argument: string) => Image> = {
  autoContrast,
  equalize,
  invert,
  posterize: (it, bits) => posterize(it, Number(bits)),
  solarize: (it, threshold) => solarize(it, Number(threshold)),
  solarizeAdd: (it, amount) => solarizeAdd(it, Number(amount)),
  adjustColour: (it, factor) => adjustColour(it, Number(factor)),
  adjustContrast: (it, factor) => adjustContrast(it, Number(factor)),
  adjustBrightness: (it, factor) => adjustBrightness(it, Number(factor)),
  adjustSharpness: (it, factor) => adjustSharpness(it, Number(factor)),
  rotate: (it, degrees) => rotate(it, Number(degrees), FILL),
  affine: (it, matrix) => affine(it, matrix.split(',').map(Number) as unknown as AffineMatrix, FILL),
};

const cases = (['RGB', 'L'] as const).flatMap((mode) =>
  Object.keys(golden[mode]).map((name) => [mode, name] as const),
);

it.each(cases)('%s %s has the bytes of Pillow', (mode, name) => {
  const [operation, argument = ''] = name.split(' ') as [string, string?];
  const { pixels, ...shape } = OPERATIONS[operation]!(image(mode === 'RGB' ? 3 : 1), argument);
  expect(shape).toEqual({ height: HEIGHT, width: WIDTH, channels: mode === 'RGB' ? 3 : 1 });
  expect([...pixels]).toEqual([...Buffer.from(golden[mode][name]!, 'base64')]);
});
