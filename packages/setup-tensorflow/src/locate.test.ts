import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { locateTensorFlow, searchTensorFlow } from './locate.js';
import type { Manifest } from './manifest.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-locate-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let caches = 0;

/** A cache of its own with one installation for each of `manifests`, its one file ten bytes long. */
function cacheWith(...manifests: readonly Partial<Manifest>[]): string {
  const cache = join(root, `cache${caches++}`);
  manifests.forEach((changes, at) => {
    const folder = join(cache, 'tensorflow', `installation${at}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'library'), '0123456789');
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...MANIFEST, ...changes }));
  });
  return cache;
}

const MANIFEST: Manifest = {
  format: 1,
  variant: 'cpu',
  libraryVersion: '2.21.0',
  source: { kind: 'wheel', location: 'some.whl', fingerprint: 'ab' },
  package: { name: '@tensorflow/tfjs-node', version: '4.22.0', folder: 'node_modules/@tensorflow/tfjs-node' },
  binding: { napiVersion: 8, compiler: 'g++ 12', builtWithNode: 'v20.19.0' },
  platform: process.platform,
  arch: process.arch,
  created: '2026-11-24T00:00:00.000Z',
  files: [{ path: 'library', bytes: 10, sha256: '' }],
};

describe('in the cache', () => {
  it('finds nothing where nothing is', async () => {
    expect(await locateTensorFlow({ cache: join(root, 'nowhere'), from: root })).toBeUndefined();
  });

  it('gives absolute paths, version and variant', async () => {
    const cache = cacheWith({});
    const folder = join(cache, 'tensorflow', 'installation0');
    expect(await locateTensorFlow({ cache, from: root })).toEqual({
      packageDir: join(folder, 'node_modules', '@tensorflow', 'tfjs-node'),
      libraryVersion: '2.21.0',
      variant: 'cpu',
      manifestPath: join(folder, 'manifest.json'),
    });
  });

  it('prefers CUDA, then the newest library', async () => {
    const cache = cacheWith(
      { libraryVersion: '2.9.1' },
      { libraryVersion: '2.21.0' },
      { libraryVersion: '2.20.0', variant: 'cuda' },
    );
    const { installations } = await searchTensorFlow({ cache, from: root });
    expect(installations.map((each) => [each.variant, each.libraryVersion])).toEqual([
      ['cuda', '2.20.0'],
      ['cpu', '2.21.0'],
      ['cpu', '2.9.1'],
    ]);
    expect((await locateTensorFlow({ cache, from: root, variant: 'cpu' }))?.libraryVersion).toBe('2.21.0');
  });

  it.each([
    ['of another machine', { arch: 'pdp11' }, /is for .*-pdp11, this is/],
    ['for a newer Node', { binding: { ...MANIFEST.binding, napiVersion: 99 } }, /needs Node-API 99/],
    ['with a file missing', { files: [{ path: 'gone', bytes: 1, sha256: '' }] }, /gone is missing/],
    [
      'with a file cut short',
      { files: [{ path: 'library', bytes: 11, sha256: '' }] },
      /10 bytes instead of 11/,
    ],
  ] as const)('passes over one %s, and says what to run', async (_, changes, message) => {
    const { installations, problems } = await searchTensorFlow({ cache: cacheWith(changes), from: root });
    expect(installations).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]).toContain("run 'maehem setup tensorflow' again");
  });

  it.each([
    ['not JSON', '{', /is not JSON/],
    ['of another format', '{"format": 2}', /has format 2; this version reads format 1/],
    ['incomplete', '{"format": 1}', /lacks parts of a manifest/],
  ])('passes over a manifest that is %s', async (_, text, message) => {
    const cache = cacheWith({});
    writeFileSync(join(cache, 'tensorflow', 'installation0', 'manifest.json'), text);
    const { installations, problems } = await searchTensorFlow({ cache, from: root });
    expect(installations).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  it('takes no notice of a set-up at work', async () => {
    const cache = join(root, 'at-work');
    mkdirSync(join(cache, 'tensorflow', '.building-1'), { recursive: true });
    expect(await searchTensorFlow({ cache, from: root })).toEqual({ installations: [], problems: [] });
  });
});

describe("a tfjs-node of the user's own", () => {
  function project(name: string, version: string, withBinding: boolean): string {
    const folder = join(root, `project${caches++}`);
    const packageDir = join(folder, 'node_modules', '@tensorflow', name);
    mkdirSync(join(packageDir, 'deps', 'lib'), { recursive: true });
    writeFileSync(join(packageDir, 'package.json'), JSON.stringify({ name: `@tensorflow/${name}`, version }));
    writeFileSync(join(packageDir, 'deps', 'lib', 'libtensorflow.so.2.9.1'), '');
    mkdirSync(join(packageDir, 'lib', 'napi-v8'), { recursive: true });
    if (withBinding) writeFileSync(join(packageDir, 'lib', 'napi-v8', 'tfjs_binding.node'), '');
    return folder;
  }

  it('is the second choice', async () => {
    const from = project('tfjs-node', '4.22.0', true);
    const { installations } = await searchTensorFlow({ cache: cacheWith({}), from });
    expect(installations.map((each) => each.manifestPath !== undefined)).toEqual([true, false]);
    expect(installations[1]).toMatchObject({ variant: 'cpu', libraryVersion: '2.9.1' });
  });

  it('counts as CUDA when it is tfjs-node-gpu', async () => {
    const from = project('tfjs-node-gpu', '4.22.0', true);
    expect(await locateTensorFlow({ cache: cacheWith({}), from })).toMatchObject({ variant: 'cuda' });
  });

  it.each([
    ['4.21.0', true, /tfjs-node 4\.21\.0, while 4\.22\.0 is needed/],
    ['4.22.0', false, /has no binding/],
  ])('is passed over when it is %s and has a binding: %s', async (version, withBinding, message) => {
    const from = project('tfjs-node', version, withBinding);
    const { installations, problems } = await searchTensorFlow({ cache: join(root, 'nowhere'), from });
    expect(installations).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(message)]);
  });
});
