import { describe, expect, it } from 'vitest';
import {
  assertSamePaths,
  entries,
  flatten,
  fromEntries,
  leaves,
  map,
  partition,
  paths,
  zip,
} from './index.js';

const tree = {
  blocks: [
    { w: 1, b: 2 },
    { w: 3, b: 4 },
  ],
  norm: { w: 5 },
  head: undefined,
};

describe('tree', () => {
  it('names leaves as a PyTorch state dict does', () => {
    expect(paths(tree)).toEqual(['blocks.0.w', 'blocks.0.b', 'blocks.1.w', 'blocks.1.b', 'norm.w']);
    expect(leaves(tree)).toEqual([1, 2, 3, 4, 5]);
    expect(entries<number>(7)).toEqual([['', 7]]);
  });

  it('maps leaves with their paths and keeps the structure', () => {
    expect(map(tree, (leaf: number, path) => `${path}=${leaf}`)).toEqual({
      blocks: [
        { w: 'blocks.0.w=1', b: 'blocks.0.b=2' },
        { w: 'blocks.1.w=3', b: 'blocks.1.b=4' },
      ],
      norm: { w: 'norm.w=5' },
    });
  });

  it('takes typed arrays and class instances as leaves', () => {
    const typed = { a: new Float32Array(2), b: new Map() };
    expect(paths(typed as never)).toEqual(['a', 'b']);
  });

  it('zips two trees whatever the order of their keys', () => {
    expect(zip({ a: 1, b: 2 }, { b: 20, a: 10 }, (x: number, y: number) => x + y)).toEqual({ a: 11, b: 22 });
    expect(() => zip({ a: 1, c: 2 }, { a: 1, d: 3 }, () => 0)).toThrow('missing c; unexpected d');
  });

  it('flattens and puts back', () => {
    const { leaves: flat, unflatten } = flatten<number, typeof tree>(tree);
    expect(unflatten(flat.map((x) => x * 10)).blocks[1]).toEqual({ w: 30, b: 40 });
    expect(() => unflatten([1])).toThrow('5 leaves, but 1');
  });

  it('partitions by path', () => {
    const { matching, rest } = partition<number>(tree, (path) => path.endsWith('.b'));
    expect([...matching.values()]).toEqual([2, 4]);
    expect([...rest.keys()]).toEqual(['blocks.0.w', 'blocks.1.w', 'norm.w']);
  });

  it('is put together from entries, in any order', () => {
    const { head: _absent, ...present } = tree;
    expect(fromEntries([...entries<number>(tree)].reverse())).toEqual(present);
    expect(fromEntries([['1', 'a']] as [string, string][])).toEqual({ 1: 'a' });
    expect(() =>
      fromEntries([
        ['a', 1],
        ['a.b', 2],
      ] as [string, number][]),
    ).toThrow('a.b lies below a leaf');
    expect(() =>
      fromEntries([
        ['a.b', 1],
        ['a', 2],
      ] as [string, number][]),
    ).toThrow('a is given twice');
  });

  it('lists at most five names in an error', () => {
    expect(() => assertSamePaths(['1', '2', '3', '4', '5', '6', '7'], [])).toThrow('5 and 2 more');
  });
});
