import { describe, expect, it } from 'vitest';
import { normalisationName } from './images.js';
import { getPath, overlay, setPath } from './layers.js';
import { modelConfig, parseSettings, pretrainConfig, type Recompute, recomputeEvery } from './schema.js';

describe('settings', () => {
  it('fill in defaults, and need nothing but the data', () => {
    const settings = parseSettings({ data: 'x' });
    expect(settings).toMatchObject({ batch: 64, mask: { ratio: 0.75, strategy: 'random' }, normPix: true });
    expect(pretrainConfig(settings, 3)).toMatchObject({ epochs: 3, model: { dim: 96, depth: 4 } });
  });

  it.each([
    [{ batch: 0 }, /batch: /],
    [{ mask: { ratio: 1.5 } }, /mask ratio must lie strictly between 0 and 1, got 1\.5/],
    [{ model: { preset: 'tiny', patchSize: 5 } }, /does not divide into patches of 5x5/],
    [{ typo: 1 }, /typo/],
    [{ recompute: 'some' }, /recompute: /],
    [{ recompute: 0 }, /recompute: /],
  ])('refuse %j', (settings, message) => {
    expect(() => parseSettings({ data: 'x', ...settings })).toThrow(message);
  });

  it('say which blocks are computed twice, which is no part of what a run computes', () => {
    const settings = parseSettings({ data: 'x', recompute: 2 });
    expect(['none', 'all', 2].map((blocks) => recomputeEvery(blocks as Recompute))).toEqual([0, 1, 2]);
    expect(pretrainConfig(settings)).toEqual(pretrainConfig(parseSettings({ data: 'x' })));
  });

  it('choose the normalisation that suits the model', () => {
    const of = (preset: string) => normalisationName('auto', modelConfig({ preset }));
    expect([of('tiny'), of('small'), of('vit-b')]).toEqual(['mnist', 'cifar10', 'imagenet']);
  });

  it('are laid over each other group by group', () => {
    const given = overlay({ mask: { ratio: 0.5, strategy: 'grid' }, batch: 8 }, { mask: { ratio: 0.6 } });
    expect(given).toEqual({ mask: { ratio: 0.6, strategy: 'grid' }, batch: 8 });
    setPath(given, 'model.dim', 48);
    expect([getPath(given, 'model.dim'), getPath(given, 'model.depth.x')]).toEqual([48, undefined]);
  });
});
