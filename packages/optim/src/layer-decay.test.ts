import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { layerDecayScales, layerId } from './index.js';

describe('layer decay', () => {
  it('counts layers as the reference does', () => {
    const paths = ['cls_token', 'pos_embed', 'patch_embed.proj.weight', 'blocks.0.norm1.weight'];
    expect(paths.map((path) => layerId(path, 12))).toEqual([0, 0, 0, 1]);
    expect(
      ['blocks.11.mlp.fc2.bias', 'norm.weight', 'fc_norm.bias', 'head.weight'].map((path) =>
        layerId(path, 12),
      ),
    ).toEqual([12, 13, 13, 13]);
  });

  it('has a factor for every layer, 1 at the head', () => {
    expect(layerDecayScales(2, 0.5)).toEqual([0.125, 0.25, 0.5, 1]);
    expect(layerDecayScales(1, 1)).toEqual([1, 1, 1]);
  });

  it('refuses blocks that are not there and factors that are none', () => {
    expect(() => layerId('blocks.12.norm1.weight', 12)).toThrow('blocks.12.norm1.weight lies in no block');
    expect(() => layerId('blocks', 12)).toThrow('in no block of an encoder of 12 blocks');
    expect(() => layerDecayScales(12, 0)).toThrow('layer decay must be in (0, 1], got 0');
    expect(() => layerDecayScales(1.5, 0.5)).toThrow('whole number of blocks, got 1.5');
  });

  it('has the factors of the reference', (context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip('no ../shared/parity beside the checkout');
    const goldens: Record<string, number[]> = JSON.parse(
      readFileSync(join(folder, 'schedules.json'), 'utf8'),
    ).layer_decay;
    expect(Object.keys(goldens)).toEqual(['12@0.65', '24@0.75', '2@0.5']);
    for (const [name, expected] of Object.entries(goldens)) {
      const [depth, decay] = name.split('@').map(Number) as [number, number];
      const scales = layerDecayScales(depth, decay);
      expect(scales.length).toBe(expected.length);
      for (const [layer, scale] of scales.entries())
        expect(Math.abs(scale / expected[layer]! - 1)).toBeLessThan(1e-14);
    }
  });
});
