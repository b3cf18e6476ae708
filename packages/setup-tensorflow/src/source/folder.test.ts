import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { afterAll, expect, it } from 'vitest';
import { openFolder } from './folder.js';
import { openSource } from './open.js';
import { LIBRARY_NAMES } from './source.js';
import { openTarball } from './tarball.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const [inWheel, inTarball] = LIBRARY_NAMES.main as [string, string];
const { framework } = LIBRARY_NAMES;

function write(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** As Google packs it: versioned names, and links to them. */
function unpackedTarball(): string {
  const folder = write(mkdtempSync(join(root, 'unpacked-')), {
    'include/tensorflow/c/c_api.h': '',
    'include/tensorflow/c/eager/c_api.h': '',
    'lib/libtensorflow.so.2.18.1': 'the library',
    'lib/libtensorflow_framework.so.2.18.1': 'the framework',
    LICENSE: '',
  });
  symlinkSync('libtensorflow.so.2.18.1', join(folder, 'lib', inTarball));
  symlinkSync('libtensorflow_framework.so.2.18.1', join(folder, 'lib', framework));
  return folder;
}

function sitePackages(): string {
  return write(mkdtempSync(join(root, 'site-packages-')), {
    [`tensorflow/${inWheel}`]: 'the library',
    [`tensorflow/${framework}`]: 'the framework',
    'tensorflow/include/tensorflow/c/c_api.h': '',
    'tensorflow/python/platform/build_info.py': "OrderedDict([('is_cuda_build', True)])",
    'nvidia/cublas/lib/libcublas.so.12': '',
  });
}

function libraries(): { libraries: string; headers: string } {
  const folder = mkdtempSync(join(root, 'libraries-'));
  return { libraries: folder, headers: join(folder, 'unused') };
}

it('takes the files that the links of an unpacked tarball lead to', async () => {
  const folder = unpackedTarball();
  const folders = libraries();
  const source = await openFolder(folder);
  expect(await source.provide(folders)).toBe(join(folder, 'include'));
  expect(readFileSync(join(folders.libraries, inTarball), 'utf8')).toBe('the library');
  expect(readFileSync(join(folders.libraries, framework), 'utf8')).toBe('the framework');
  expect(source.variant).toBeUndefined();
});

it('makes hard links where the disk is the same', async () => {
  const folder = sitePackages();
  const folders = libraries();
  await (await openFolder(folder)).provide(folders);
  const placed = statSync(join(folders.libraries, inWheel));
  expect(placed.ino).toBe(statSync(join(folder, 'tensorflow', inWheel)).ino);
});

it.each(['site-packages', 'the package'])(
  'takes %s of an installed TensorFlow, with NVIDIA beside it',
  async (what) => {
    const folder = sitePackages();
    const source = await openFolder(what === 'the package' ? join(folder, 'tensorflow') : folder);
    expect(source.variant).toBe('cuda');
    expect(await source.cudaFolders(join(root, 'unused'))).toEqual([join(folder, 'nvidia', 'cublas', 'lib')]);
  },
);

it('says what it looked for in a folder without TensorFlow', async () => {
  const folder = mkdtempSync(join(root, 'empty-'));
  await expect(openFolder(folder)).rejects.toThrow(
    `${folder} has no TensorFlow library: looked for ${inWheel}`,
  );
});

it('says what is missing of a library', async () => {
  const folder = unpackedTarball();
  rmSync(join(folder, 'lib', framework));
  await expect(openFolder(folder)).rejects.toThrow(
    `is incomplete: ${join(folder, 'lib', framework)} is missing`,
  );
});

it('unpacks a tarball, links and all', async () => {
  const file = join(root, 'libtensorflow.tar.gz');
  await create({ file, gzip: true, cwd: unpackedTarball() }, ['.']);
  const source = await openTarball(file, join(root, 'work'));
  const folders = libraries();
  await source.provide(folders);
  expect(readFileSync(join(folders.libraries, inTarball), 'utf8')).toBe('the library');
  expect(source).toMatchObject({ kind: 'tarball', location: file });
  expect(source.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

it('refuses a tarball that was cut short', async () => {
  const file = join(root, 'short.tar.gz');
  await create({ file, gzip: true, cwd: unpackedTarball() }, ['.']);
  truncateSync(file, 200);
  await expect(openTarball(file, join(root, 'work-short'))).rejects.toThrow(`${file}: not a whole .tar.gz`);
});

it('names the tarball, not the folder that it was unpacked to, when it holds something else', async () => {
  const file = join(root, 'other.tar.gz');
  await create({ file, gzip: true, cwd: write(join(root, 'other'), { 'lib/libz.so': '' }) }, ['lib']);
  await expect(openTarball(file, join(root, 'work-other'))).rejects.toThrow(
    `${file} has no TensorFlow library`,
  );
});

it.each([
  ['nowhere.whl', /nowhere\.whl: no such file or folder\. A TensorFlow comes from wheel, python, FILE\.whl/],
  ['tarball', /give the path of the tarball/],
  [join(root, 'notes.txt'), /is neither a \.whl, a \.tar\.gz nor a folder/],
])('refuses --from %s', async (from, message) => {
  writeFileSync(join(root, 'notes.txt'), '');
  const context = { variant: 'cpu', python: undefined, work: join(root, 'unused') } as const;
  await expect(openSource(from, context)).rejects.toThrow(message);
});
