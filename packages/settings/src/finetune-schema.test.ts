import { vitPreset } from '@maehem/vit';
import { describe, expect, it } from 'vitest';
import { classifierConfig, finetuneConfig, parseFinetuneSettings } from './finetune-schema.js';
import { parseStudy, variantId, variantSettings } from './study.js';

describe('settings of fine-tuning', () => {
  it("are table 9's with weights to start from, table 11's without", () => {
    const tuned = parseFinetuneSettings({ data: 'x', from: 'run' });
    expect(tuned).toMatchObject({
      optimizer: { baseLr: 1e-3, layerDecay: 0.75, weightDecay: 0.05, beta2: 0.999 },
      ...{ ema: null, augment: { erasing: 0.25, randAugment: { magnitude: 9, magnitudeStd: 0.5 } } },
    });
    const scratch = parseFinetuneSettings({ data: 'x', epochs: 3 });
    expect(scratch).toMatchObject({
      optimizer: { baseLr: 1e-4, layerDecay: 1, weightDecay: 0.3, beta2: 0.95 },
      ...{ ema: 0.9999, epochs: 3, from: null },
    });
    expect(finetuneConfig(scratch, classifierConfig(scratch, 10))).toMatchObject({
      model: { dim: 96, depth: 4, classes: 10, pooling: 'mean' },
      epochs: 3,
    });
  });

  it.each([
    [{ optimizer: { layerDecay: 1.5 } }, /optimizer\.layerDecay/],
    [{ augment: { erasing: -1 } }, /augment\.erasing/],
    [{ ema: 1 }, /ema/],
    [{ typo: 1 }, /typo/],
  ])('refuse %j', (settings, message) => {
    expect(() => parseFinetuneSettings({ data: 'x', ...settings })).toThrow(message);
  });

  it('take the model from the weights, and another image size if wanted', () => {
    const encoder = vitPreset('vit-b');
    const of = (model: object) =>
      classifierConfig(parseFinetuneSettings({ data: 'x', from: 'y', model }), 5, encoder);
    expect(of({})).toMatchObject({ imageSize: [224, 224], dim: 768, classes: 5 });
    expect(of({ imageSize: 448 }).imageSize).toEqual([448, 448]);
    expect(() => of({ dim: 384 })).toThrow('model.dim are those of the checkpoint');
    expect(() => of({ imageSize: 225 })).toThrow('16x16');
  });
});

describe('a study', () => {
  const study = parseStudy({
    ...{ data: 'x', pretrain: { epochs: 5, mask: { strategy: 'grid' } } },
    tables: [{ name: 'a', variants: [{ name: 'half', pretrain: { mask: { ratio: 0.5 } } }] }],
  });

  it('lays variants over its own settings, and names them by what they change', () => {
    const [half] = study.tables[0]!.variants;
    expect(variantSettings(study, half!, 7)).toMatchObject({
      ...{ epochs: 5, seed: 7, data: 'x' },
      mask: { strategy: 'grid', ratio: 0.5 },
    });
    expect(variantId(half!)).toBe('mask.ratio-0.5');
    expect(variantId({ name: 'any', pretrain: {} })).toBe('default');
  });

  it('needs a table, and seeds', () => {
    expect(() => parseStudy({ data: 'x', tables: [] })).toThrow('tables');
    expect(() => parseStudy({ data: 'x', seeds: [], tables: [{ name: 'a', variants: [] }] })).toThrow(
      'seeds',
    );
  });
});
