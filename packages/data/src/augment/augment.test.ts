import { fold, normal, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import {
  colourJitter,
  type FloatImage,
  type Image,
  mixImages,
  mixPlan,
  mixTargets,
  normalisedValues,
  RAND_AUGMENT_OPERATIONS,
  randAugment,
  randomErasing,
  trainTransform,
} from '../index.js';

const keys = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => fold(fold(seed(4), name), i));

const image: Image = {
  ...{ height: 16, width: 12, channels: 3 },
  pixels: Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * 37) % 251),
};
const grey = [124, 116, 104];

describe('RandAugment', () => {
  it("has timm's fifteen increasing operations", () => {
    expect(Object.keys(RAND_AUGMENT_OPERATIONS)).toEqual([
      ...['AutoContrast', 'Equalize', 'Invert', 'Rotate', 'PosterizeIncreasing', 'SolarizeIncreasing'],
      ...['SolarizeAdd', 'ColorIncreasing', 'ContrastIncreasing', 'BrightnessIncreasing'],
      ...['SharpnessIncreasing', 'ShearX', 'ShearY', 'TranslateXRel', 'TranslateYRel'],
    ]);
  });

  it('does nothing visible at level 0, save what has no level', () => {
    const still = Object.entries(RAND_AUGMENT_OPERATIONS).filter(([, operation]) =>
      operation(image, { level: 0, sign: 1, fill: grey }).pixels.every(
        (value, i) => value === image.pixels[i],
      ),
    );
    // Posterize keeps 4 bits at level 0; so few pixels have nothing to equalize.
    expect(still.map(([name]) => name)).toEqual([
      ...['Equalize', 'Rotate', 'SolarizeIncreasing', 'SolarizeAdd', 'ColorIncreasing', 'ContrastIncreasing'],
      ...[
        'BrightnessIncreasing',
        'SharpnessIncreasing',
        'ShearX',
        'ShearY',
        'TranslateXRel',
        'TranslateYRel',
      ],
    ]);
  });

  it('moves by up to 45 % of the side, to either side, and lays the mean behind', () => {
    const moved = (sign: 1 | -1) =>
      RAND_AUGMENT_OPERATIONS['TranslateYRel']!(image, { level: 10, sign, fill: grey }).pixels;
    const filled = (pixels: Uint8Array) =>
      Array.from({ length: 16 }, (_, y) => pixels.subarray(y * 36, y * 36 + 3).join() === grey.join());
    // 0.45 * 16 = 7.2 rows.
    expect(filled(moved(1)).filter(Boolean).length).toBe(7);
    expect(filled(moved(1)).lastIndexOf(false)).toBe(8);
    expect(filled(moved(-1)).indexOf(false)).toBe(7);
  });

  it('leaves a quarter of the images alone with two operations of chance 1/2', () => {
    const alone = keys('alone', 600).filter((key) => randAugment(image, key, grey) === image).length;
    expect(Math.abs(alone - 150)).toBeLessThan(50);
    for (const key of keys('never', 20))
      expect(randAugment(image, key, grey, { probability: 0 })).toBe(image);
  });

  it('is a function of the key', () => {
    const [key] = keys('same', 1);
    const options = { probability: 1 };
    expect(randAugment(image, key!, grey, options)).toEqual(randAugment(image, key!, grey, options));
    expect(() => randAugment(image, key!, grey, { magnitude: 11 })).toThrow(
      'magnitude must be a number from 0 to 10',
    );
  });
});

describe('random erasing', () => {
  const floats: FloatImage = {
    ...{ height: 24, width: 20, channels: 3 },
    values: new Float32Array(24 * 20 * 3).fill(9),
  };

  it('erases one rectangle of 2 to 33 % of the area with noise, as often as wanted', () => {
    const erased = keys('erase', 400).map((key) => randomErasing(floats, key, { probability: 0.25 }));
    const changed = erased.filter((result) => result !== floats);
    expect(Math.abs(changed.length - 100)).toBeLessThan(45);
    for (const { values } of changed) {
      const pixels = Array.from({ length: 24 * 20 }, (_, i) => values[i * 3] !== 9);
      const rows = pixels.flatMap((hit, i) => (hit ? [Math.floor(i / 20)] : []));
      const columns = pixels.flatMap((hit, i) => (hit ? [i % 20] : []));
      const height = Math.max(...rows) - Math.min(...rows) + 1;
      const width = Math.max(...columns) - Math.min(...columns) + 1;
      expect(rows.length).toBe(height * width);
      // Sides are rounded to whole pixels.
      expect((height * width) / 480).toBeGreaterThan(0.01);
      expect((height * width) / 480).toBeLessThan(0.37);
      expect(height < 24 && width < 20).toBe(true);
    }
    const noise = changed.flatMap(({ values }) => [...values].filter((value) => value !== 9));
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('can erase to the mean colour, and refuses no probability', () => {
    const [key] = keys('mean', 1);
    const { values } = randomErasing(floats, key!, { probability: 1, mode: 'const' });
    expect(new Set(values)).toEqual(new Set([0, 9]));
    expect(() => randomErasing(floats, key!, { probability: 2 })).toThrow('probability from 0 to 1, got 2');
  });
});

describe('mixup and cutmix', () => {
  const shape = [4, 8, 8, 2] as const;
  const images = normal(seed(6), 4 * 8 * 8 * 2);
  const targets = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0);
  const both = { mixup: 0.8, cutmix: 1 };
  const plans = keys('mix', 400).map((key) => mixPlan(key, [8, 8], both));

  it('cuts half of the batches, mixes the others', () => {
    const cut = plans.filter(({ box }) => box !== undefined).length;
    expect(Math.abs(cut - 200)).toBeLessThan(50);
    const only = (options: typeof both) => keys('only', 20).map((key) => mixPlan(key, [8, 8], options));
    expect(only({ ...both, cutmix: 0 }).every(({ box }) => box === undefined)).toBe(true);
    expect(only({ ...both, mixup: 0 }).every(({ box }) => box !== undefined)).toBe(true);
    expect(only({ mixup: 0, cutmix: 0 }).every(({ lambda }) => lambda === 1)).toBe(true);
    const never = keys('never', 20).map((key) => mixPlan(key, [8, 8], { ...both, probability: 0 }));
    expect(never.every(({ lambda }) => lambda === 1)).toBe(true);
  });

  it('blends each image with the one at the other end, and its target by the same share', () => {
    const plan = { lambda: 0.75 };
    const mixed = mixImages(images, shape, plan);
    for (const [sample, other] of [
      [0, 3],
      [2, 1],
    ] as const)
      for (let i = 0; i < 128; i++)
        expect(mixed[sample * 128 + i]).toBeCloseTo(
          0.75 * images[sample * 128 + i]! + 0.25 * images[other * 128 + i]!,
          6,
        );
    expect([...mixTargets(targets, 3, plan)]).toEqual([1, 0, 0, 0, 0.75, 0.25, 0, 0.25, 0.75, 1, 0, 0]);
    expect(mixImages(images, shape, { lambda: 1 })).toBe(images);
  });

  it("pastes the other end's rectangle, and lambda is the share of pixels that stayed", () => {
    for (const plan of plans.filter(({ box }) => box !== undefined)) {
      const mixed = mixImages(images, shape, plan);
      const stayed = (sample: number) =>
        Array.from({ length: 128 }, (_, i) => mixed[sample * 128 + i] === images[sample * 128 + i]).filter(
          Boolean,
        ).length / 128;
      for (const sample of [0, 1, 2, 3]) expect(stayed(sample)).toBeCloseTo(plan.lambda, 10);
    }
    const plan = { lambda: 0, box: { top: 0, bottom: 8, left: 0, right: 8 } };
    expect(mixImages(images, shape, plan).subarray(0, 128)).toEqual(images.subarray(384));
  });

  it('keeps sums of targets, and refuses a negative alpha', () => {
    for (const plan of plans) {
      const mixed = mixTargets(targets, 3, plan);
      for (let i = 0; i < 4; i++)
        expect(mixed[i * 3]! + mixed[i * 3 + 1]! + mixed[i * 3 + 2]!).toBeCloseTo(1, 6);
    }
    expect(() => mixPlan(seed(0), [8, 8], { mixup: -1, cutmix: 0 })).toThrow('mixup needs an alpha');
  });
});

describe('the training transform', () => {
  const base = { size: 8, channels: 3, normalisation: 'imagenet' } as const;
  const apply = (options: Parameters<typeof trainTransform>[0], count = 30) =>
    keys('transform', count).map((key) => normalisedValues(trainTransform(options)(image, key)).join());

  it('gives the same without augmentations that are off, and something else with those that are on', () => {
    const plain = apply(base);
    expect(apply({ ...base, colourJitter: 0, erasing: undefined, randAugment: undefined })).toEqual(plain);
    for (const option of [
      { colourJitter: 0.4 },
      { randAugment: { probability: 1 } },
      { erasing: { probability: 1 } },
      { crop: 'fixed' as const },
    ]) {
      const other = apply({ ...base, ...option });
      expect(other.filter((values, i) => values === plain[i]).length).toBeLessThan(3);
      expect(apply({ ...base, ...option })).toEqual(other);
    }
  });

  it('jitters by nothing at strength 0', () => {
    for (const key of keys('jitter', 5)) expect(colourJitter(image, key, 0).pixels).toEqual(image.pixels);
    expect(() => colourJitter(image, seed(0), 2)).toThrow('strength from 0 to 1, got 2');
  });
});
