import { mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { linkOrCopy } from './link-or-copy.js';
import { findProgram, runProgram } from './run-program.js';

/** A library that TensorFlow opens by name at run time, and the PyPI package that has it. */
export interface CudaLibrary {
  readonly name: string;
  readonly pip: string;
}

/** What a TensorFlow built for CUDA 12 (2.15 and later) opens, or what those need. */
export const CUDA_LIBRARIES: readonly CudaLibrary[] = [
  { name: 'libcudart.so.12', pip: 'nvidia-cuda-runtime-cu12' },
  { name: 'libnvJitLink.so.12', pip: 'nvidia-nvjitlink-cu12' },
  { name: 'libnvrtc.so.12', pip: 'nvidia-cuda-nvrtc-cu12' },
  { name: 'libcublasLt.so.12', pip: 'nvidia-cublas-cu12' },
  { name: 'libcublas.so.12', pip: 'nvidia-cublas-cu12' },
  { name: 'libcufft.so.11', pip: 'nvidia-cufft-cu12' },
  { name: 'libcurand.so.10', pip: 'nvidia-curand-cu12' },
  { name: 'libcusparse.so.12', pip: 'nvidia-cusparse-cu12' },
  { name: 'libcusolver.so.11', pip: 'nvidia-cusolver-cu12' },
  { name: 'libcupti.so.12', pip: 'nvidia-cuda-cupti-cu12' },
  { name: 'libnccl.so.2', pip: 'nvidia-nccl-cu12' },
  { name: 'libcudnn.so.9', pip: 'nvidia-cudnn-cu12' },
];

/** The driver's own library: it belongs to the machine and is never linked. */
const DRIVER = 'libcuda.so.1';

export interface CudaSearch {
  /** Absolute paths by name. */
  readonly found: ReadonlyMap<string, string>;
  readonly missing: readonly CudaLibrary[];
}

/** Look for the libraries in `folders`, in that order. */
export async function findCuda(folders: readonly string[]): Promise<CudaSearch> {
  const found = new Map<string, string>();
  for (const { name } of CUDA_LIBRARIES) {
    const file = await firstFile(folders.map((folder) => join(folder, name)));
    if (file !== undefined) found.set(name, file);
  }
  return { found, missing: CUDA_LIBRARIES.filter(({ name }) => !found.has(name)) };
}

/** Where CUDA is where it is installed for the whole machine: by the environment, its usual folder, and the linker. */
export async function systemCudaFolders(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string[]> {
  const homes = [env['CUDA_HOME'], env['CUDA_PATH'], '/usr/local/cuda'].filter((home) => home !== undefined);
  const listed = (env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  return [
    ...listed,
    ...homes.flatMap((home) => [join(home, 'lib64'), join(home, 'lib')]),
    ...(await linkerFolders()),
  ];
}

/** The folders of the libraries that `ldconfig` knows. */
async function linkerFolders(): Promise<string[]> {
  const ldconfig = await findProgram(['ldconfig'], `${process.env['PATH'] ?? ''}:/sbin:/usr/sbin`);
  if (ldconfig === undefined) return [];
  const list = await runProgram(ldconfig, ['-p']).catch(() => '');
  return [...new Set([...list.matchAll(/=> (\/.*)\/[^/]+$/gm)].map(([, folder = '']) => folder))];
}

export async function hasDriver(): Promise<boolean> {
  const folders = [...(await systemCudaFolders()), '/usr/lib/wsl/lib'];
  const files = await Promise.all(folders.map((folder) => stat(join(folder, DRIVER)).catch(() => undefined)));
  return files.some((file) => file !== undefined);
}

/** The error for what `findCuda` missed. */
export function missingCuda(missing: readonly CudaLibrary[], folders: readonly string[]): Error {
  const lines = missing.map(({ name, pip }) => `  - ${name} (pip package ${pip})`);
  const packages = [...new Set(missing.map(({ pip }) => pip))].join(' ');
  return new Error(
    [
      'libraries of CUDA 12 and cuDNN 9 are missing:',
      ...lines,
      `looked in ${folders.join(', ') || 'no folder'}.`,
      `Install them beside TensorFlow (python3 -m pip install 'tensorflow[and-cuda]', then --from python), put their wheels beside TensorFlow's (pip download --no-deps ${packages}), or install CUDA and cuDNN on the machine.`,
    ].join('\n'),
  );
}

/**
 * Put the libraries into one folder under the names that they are opened by, with those that lie beside them: cuDNN
 * opens its parts itself, from its own folder.
 */
export async function placeCuda(found: ReadonlyMap<string, string>, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const [name, file] of found) {
    await place(file, target);
    if (!name.startsWith('libcudnn.')) continue;
    const folder = dirname(file);
    const parts = (await readdir(folder)).filter((each) => /^libcudnn_.*\.so\.\d+$/.test(each));
    for (const part of parts) await place(join(folder, part), target);
  }
}

/** What XLA compiles kernels with, as CUDA lays it out. */
const XLA_FILES = ['nvvm/libdevice/libdevice.10.bc', 'bin/ptxas'];

/**
 * Put what XLA needs beside the libraries, from `nvidia/cuda_nvcc` or from CUDA's own folder.
 * @param folders library folders, as for `findCuda`
 * @returns whether all of it was there; without it everything but XLA works
 */
export async function placeXlaFiles(folders: readonly string[], target: string): Promise<boolean> {
  const roots = folders.flatMap((folder) => [join(folder, '..', '..', 'cuda_nvcc'), join(folder, '..')]);
  let complete = true;
  for (const name of XLA_FILES) {
    const file = await firstFile(roots.map((root) => join(root, name)));
    if (file === undefined) complete = false;
    else {
      await mkdir(dirname(join(target, name)), { recursive: true });
      await place(file, dirname(join(target, name)));
    }
  }
  return complete;
}

async function firstFile(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await stat(file).catch(() => undefined)) return file;
  return undefined;
}

/** CUDA is large: where the disk is another one, a link must do. */
async function place(file: string, target: string): Promise<void> {
  await linkOrCopy(file, target, symlink);
}
