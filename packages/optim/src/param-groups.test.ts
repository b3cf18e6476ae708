import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { finetuneGroups, type NamedShapes, paramGroups, pretrainGroups } from './index.js';

const NO_GOLDENS = 'no ../shared/parity beside the checkout';

/** Names and shapes of a safetensors file, from its JSON header. */
function shapesOf(file: string): NamedShapes {
  const bytes = readFileSync(file);
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))));
  return Object.fromEntries(
    Object.entries(header as NamedShapes).filter(([name]) => name !== '__metadata__'),
  );
}

const shapes: NamedShapes = {
  cls_token: { shape: [1, 1, 8] },
  mask_token: { shape: [1, 1, 8] },
  'patch_embed.proj.weight': { shape: [8, 12] },
  'patch_embed.proj.bias': { shape: [8] },
  'blocks.0.norm1.weight': { shape: [8] },
};

describe('paramGroups', () => {
  const plain = { lrScale: 1, weightDecay: 0 };

  it('takes the first rule that matches', () => {
    const groups = paramGroups(shapes, [
      { matches: (path) => path.startsWith('blocks.'), treatment: { lrScale: 0.5, weightDecay: 0.1 } },
      { matches: () => true, treatment: plain },
    ]);
    expect(groups['blocks.0.norm1.weight']).toEqual({ lrScale: 0.5, weightDecay: 0.1 });
    expect(groups['cls_token']).toEqual(plain);
    expect(Object.keys(groups)).toEqual(Object.keys(shapes));
  });

  it('names what no rule covers', () => {
    const rules = [{ matches: (path: string) => path.endsWith('_token'), treatment: plain }];
    expect(() => paramGroups(shapes, rules)).toThrow(
      'no group rule covers patch_embed.proj.weight, patch_embed.proj.bias, blocks.0.norm1.weight',
    );
    expect(() => paramGroups({ ...shapes, ...shapesNamed(9) }, [])).toThrow('and 9 more');
  });

  it('refuses numbers that are none', () => {
    expect(() => pretrainGroups(shapes, Number.NaN)).toThrow('weightDecay of parameter cls_token');
    expect(() => pretrainGroups(shapes, -0.1)).toThrow('got -0.1');
  });
});

function shapesNamed(count: number): NamedShapes {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`w${i}`, { shape: [2, 2] }]));
}

describe('the groups of the paper', () => {
  it('pretraining decays matrices and tokens, not vectors', () => {
    const decays = Object.values(pretrainGroups(shapes, 0.05)).map(({ weightDecay }) => weightDecay);
    expect(decays).toEqual([0.05, 0.05, 0.05, 0, 0]);
  });

  it('pretraining decays no bias, whatever its shape', () => {
    expect(pretrainGroups({ 'head.bias': { shape: [1, 8] } }, 0.05)['head.bias']?.weightDecay).toBe(0);
  });

  it('fine-tuning does not decay the class token', () => {
    const groups = finetuneGroups(shapes, { weightDecay: 0.05, layerDecay: 0.5, depth: 1 });
    expect(groups['cls_token']).toEqual({ lrScale: 0.25, weightDecay: 0 });
    expect(groups['patch_embed.proj.weight']).toEqual({ lrScale: 0.25, weightDecay: 0.05 });
    expect(groups['blocks.0.norm1.weight']).toEqual({ lrScale: 0.5, weightDecay: 0 });
  });

  it.for(['vit_gap', 'vit_cls'])('fine-tuning %s: the groups of the reference', (name, context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip(NO_GOLDENS);
    const expected: Record<string, { lr_scale: number; weight_decay: number }> = JSON.parse(
      readFileSync(join(folder, `${name}.groups.json`), 'utf8'),
    );
    const params = shapesOf(join(folder, `${name}.safetensors`));
    const groups = finetuneGroups(params, { weightDecay: 0.05, layerDecay: 0.65, depth: 2 });
    expect(Object.keys(groups).sort()).toEqual(Object.keys(expected).sort());
    for (const [path, { lr_scale, weight_decay }] of Object.entries(expected)) {
      expect(groups[path]?.weightDecay, path).toBe(weight_decay);
      expect(groups[path]?.lrScale, path).toBeCloseTo(lr_scale, 14);
    }
  });

  it.for(['mae_a', 'mae_b'])(
    'pretraining %s: 0.05 except one-dimensional parameters and biases',
    (name, context) => {
      const folder = sharedFolder('parity');
      if (folder === undefined) return context.skip(NO_GOLDENS);
      const params = shapesOf(join(folder, `${name}.safetensors`));
      const groups = pretrainGroups(params, 0.05);
      const decayed = Object.keys(params).filter((path) => groups[path]?.weightDecay === 0.05);
      expect(decayed).toEqual(Object.keys(params).filter((path) => params[path]!.shape.length > 1));
      expect(decayed).toContain('mask_token');
    },
  );
});
