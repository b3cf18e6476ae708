import { chmod, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TensorFlowVariant } from '../installation.js';
import { thisMachine, wheelProblem } from '../platform.js';
import { nvidiaLibraryFolders } from './nvidia-folders.js';
import { HEADER_FOLDERS, LIBRARY_NAMES, type LibrarySource } from './source.js';
import { ZipArchive } from './zip.js';

/** Folders of a wheel: the package's files, and among them its C headers. */
const PACKAGE = 'tensorflow/';
const HEADERS = `${PACKAGE}include/`;

/**
 * A TensorFlow wheel (PEP 427: a zip archive). Everything taken from it is compared with the SHA-256 in its RECORD.
 * Wheels of NVIDIA's libraries are looked for beside it.
 * @throws when it is damaged, not TensorFlow's, or made for another machine.
 */
export async function openWheel(path: string): Promise<LibrarySource> {
  const misfit = wheelProblem(basename(path), await thisMachine());
  if (misfit !== undefined) throw new Error(misfit);
  const zip = await ZipArchive.open(path);
  try {
    const record = parseRecord(await zip.text(recordName(zip)));
    const main = LIBRARY_NAMES.main.find((name) => zip.has(PACKAGE + name));
    if (main === undefined)
      throw new Error(
        `${path} has no ${PACKAGE}${LIBRARY_NAMES.main[0]}: it is not a wheel of TensorFlow 2.17 or later`,
      );
    return {
      kind: 'wheel',
      location: path,
      fingerprint: checksumOf(path, record, PACKAGE + main),
      variant: await builtVariant(zip),
      cudaFolders: (work) => unpackNvidiaWheels(dirname(path), work),
      provide: (folders) => provide(path, record, [main, LIBRARY_NAMES.framework], folders),
    };
  } finally {
    zip.close();
  }
}

async function provide(
  path: string,
  record: ReadonlyMap<string, string>,
  libraries: readonly string[],
  folders: { readonly libraries: string; readonly headers: string },
): Promise<string> {
  const zip = await ZipArchive.open(path);
  try {
    for (const library of libraries) {
      const target = join(folders.libraries, library);
      await extractChecked(zip, record, PACKAGE + library, target);
      await chmod(target, 0o755);
    }
    const headers = zip.names.filter(
      (name) => name.endsWith('.h') && HEADER_FOLDERS.some((folder) => name.startsWith(HEADERS + folder)),
    );
    for (const name of headers)
      await extractChecked(zip, record, name, join(folders.headers, name.slice(HEADERS.length)));
    return folders.headers;
  } finally {
    zip.close();
  }
}

async function extractChecked(
  zip: ZipArchive,
  record: ReadonlyMap<string, string>,
  name: string,
  target: string,
): Promise<void> {
  const expected = checksumOf(zip.path, record, name);
  const actual = await zip.extract(name, target);
  if (actual !== expected)
    throw new Error(
      `${zip.path}, ${name}: SHA-256 is ${actual}, its RECORD says ${expected}; get the wheel again`,
    );
}

function recordName(zip: ZipArchive): string {
  const name = zip.names.find((each) => /^[^/]+\.dist-info\/RECORD$/.test(each));
  if (name === undefined) throw new Error(`${zip.path} has no *.dist-info/RECORD: it is not a Python wheel`);
  return name;
}

/** Lines `name,sha256=BASE64URL,bytes`; gives hexadecimal SHA-256 by name. */
function parseRecord(record: string): Map<string, string> {
  const lines = record.split(/\r?\n/).map((line) => /^"?(.*?)"?,sha256=([\w-]+)=*,\d*$/.exec(line));
  return new Map(
    lines.flatMap((found) =>
      found ? [[found[1]!, Buffer.from(found[2]!, 'base64url').toString('hex')] as const] : [],
    ),
  );
}

function checksumOf(path: string, record: ReadonlyMap<string, string>, name: string): string {
  const checksum = record.get(name);
  if (checksum === undefined) throw new Error(`${path}: its RECORD has no SHA-256 of ${name}`);
  return checksum;
}

/** TensorFlow writes into each build how it was made. */
async function builtVariant(zip: ZipArchive): Promise<TensorFlowVariant | undefined> {
  const name = `${PACKAGE}python/platform/build_info.py`;
  if (!zip.has(name)) return undefined;
  return variantFromBuildInfo(await zip.text(name));
}

export function variantFromBuildInfo(python: string): TensorFlowVariant | undefined {
  const said = /'is_cuda_build',\s*(True|False)/.exec(python)?.[1];
  return said === undefined ? undefined : said === 'True' ? 'cuda' : 'cpu';
}

/** Packages that a wheel's METADATA asks for under the extra `and-cuda`, as pip takes them. */
export async function cudaRequirements(path: string): Promise<string[]> {
  const zip = await ZipArchive.open(path);
  try {
    const name = zip.names.find((each) => /^[^/]+\.dist-info\/METADATA$/.test(each));
    return name === undefined ? [] : parseCudaRequirements(await zip.text(name));
  } finally {
    zip.close();
  }
}

function parseCudaRequirements(metadata: string): string[] {
  return [...metadata.matchAll(/^Requires-Dist:\s*([^;\n]+?)\s*;.*\bextra\s*==\s*["']and-cuda["']/gm)].map(
    ([, requirement = '']) => requirement,
  );
}

/** What is taken from NVIDIA's wheels: the libraries, and what XLA compiles with. */
const NVIDIA_FILE = /^nvidia\/.*(\.so[.\d]*|\/libdevice[^/]*\.bc|\/bin\/ptxas)$/;

/** Unpack the wheels `nvidia_*.whl` in `folder` to `target`. @returns the folders with libraries */
async function unpackNvidiaWheels(folder: string, target: string): Promise<string[]> {
  for (const wheel of (await readdir(folder)).filter((name) => /^nvidia_.*\.whl$/.test(name))) {
    const zip = await ZipArchive.open(join(folder, wheel));
    try {
      const record = parseRecord(await zip.text(recordName(zip)));
      for (const name of zip.names.filter((each) => NVIDIA_FILE.test(each))) {
        await extractChecked(zip, record, name, join(target, name));
        await chmod(join(target, name), 0o755);
      }
    } finally {
      zip.close();
    }
  }
  return nvidiaLibraryFolders(join(target, 'nvidia'));
}
