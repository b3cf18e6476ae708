import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { fromEntries } from '@maehem/tree';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, loadIntoTree, nameTensors, type Shaped, TensorMismatchError } from './index.js';

/** Trees take class instances for leaves, as tfjs tensors are. */
class Leaf {
  constructor(readonly shape: readonly number[]) {}
}

const same = (found: Shaped) => found;
const leaf = (...shape: number[]) => ({ shape });
const template = {
  cls_token: leaf(1, 1, 8),
  blocks: [{ attn: { qkv: { weight: leaf(24, 8), bias: leaf(24) } } }],
};

describe('reference names', () => {
  it('are the paths of the tree', () => {
    expect(Object.keys(nameTensors(template))).toEqual([
      'cls_token',
      'blocks.0.attn.qkv.weight',
      'blocks.0.attn.qkv.bias',
    ]);
  });

  it('load into a tree of the same shapes', () => {
    const named = nameTensors<Shaped>(template);
    const { tree, report } = loadIntoTree(template, named, (found, name) => `${name} ${found.shape}`);
    expect(tree).toEqual({
      cls_token: 'cls_token 1,1,8',
      blocks: [
        { attn: { qkv: { weight: 'blocks.0.attn.qkv.weight 24,8', bias: 'blocks.0.attn.qkv.bias 24' } } },
      ],
    });
    expect(report).toEqual({ missing: [], unexpected: [], reshaped: [] });
  });

  it('tell which tensors differ, and how', () => {
    const named = {
      cls_token: leaf(1, 1, 9),
      'blocks.0.attn.qkv.weight': leaf(24, 8),
      mask_token: leaf(1, 1, 8),
    };
    expect(() => loadIntoTree(template, named, same, { file: 'run.safetensors' })).toThrow(
      new TensorMismatchError('run.safetensors', {
        missing: ['blocks.0.attn.qkv.bias'],
        unexpected: ['mask_token'],
        reshaped: [{ name: 'cls_token', expected: [1, 1, 8], found: [1, 1, 9] }],
      }),
    );
    expect(() => loadIntoTree(template, named, same, { file: 'run.safetensors' })).toThrow(
      'run.safetensors is of another architecture: 1 tensors have another shape, 1 are missing, 1 are unexpected\n' +
        '  cls_token: expected [1,1,8], found [1,1,9]\n' +
        '  blocks.0.attn.qkv.bias: missing\n  mask_token: unexpected',
    );
    const { tree, report } = loadIntoTree(template, named, same, { strict: false });
    expect(report.unexpected).toEqual(['mask_token']);
    expect(tree.cls_token).toBe(template.cls_token);
    expect(tree.blocks[0]!.attn.qkv.weight).toBe(named['blocks.0.attn.qkv.weight']);
  });

  it('list ten differences and a count', () => {
    const named = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`extra.${i}`, leaf(1)]));
    expect(() => loadIntoTree({}, named, same)).toThrow(/extra\.9: unexpected\n {2}and 20 more$/);
  });

  it('take the reference checkpoint to a tree and back', (context) => {
    const parity = sharedFolder('parity');
    if (parity === undefined) return context.skip('no ../shared/parity beside the checkout');
    const { tensors } = decodeSafetensors(readFileSync(join(parity, 'mae_a.safetensors')), 'mae_a');
    const template = fromEntries(Object.keys(tensors).map((name) => [name, new Leaf(tensors[name]!.shape)]));
    const { tree, report } = loadIntoTree(template as object, tensors, same);
    expect(report).toEqual({ missing: [], unexpected: [], reshaped: [] });
    expect(nameTensors(tree)).toEqual({ ...tensors });
    expect(tensors['patch_embed.proj.weight']!.shape).toHaveLength(4);
    expect(tensors['cls_token']!.shape.slice(0, 2)).toEqual([1, 1]);
  });
});
