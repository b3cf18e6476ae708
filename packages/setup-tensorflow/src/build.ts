import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { sha256File } from './checksum.js';
import { compileBinding, compilerVersion } from './compile.js';
import { findCuda, hasDriver, missingCuda, placeCuda, placeXlaFiles, systemCudaFolders } from './cuda.js';
import {
  BINDING,
  NAPI_VERSION,
  packageOf,
  QUIET_OPENER,
  type TensorFlowVariant,
  TFJS_VERSION,
} from './installation.js';
import { FORMAT, type InstalledFile, MANIFEST, type Manifest } from './manifest.js';
import { installPackage } from './npm.js';
import { type Proof, proveTensorFlow } from './prove.js';
import type { LibrarySource } from './source/source.js';
import type { Tools } from './tools.js';

export interface Building {
  readonly source: LibrarySource;
  readonly variant: TensorFlowVariant;
  readonly tools: Tools;
  /** An empty folder, to become the installation. */
  readonly staging: string;
  /** A folder in it for what is needed on the way; removed in the end. */
  readonly work: string;
  readonly report: (line: string) => void;
}

/**
 * Fill `staging` with an installation: the npm package, TensorFlow's library in `deps/lib`, CUDA's in `deps/cuda`, the
 * binding that is compiled against them, and the manifest.
 * @throws when a part is missing, does not compile, or does not compute
 */
export async function buildInstallation(building: Building): Promise<Manifest> {
  const { source, variant, tools, staging, work, report } = building;
  // First what is most often missing.
  const cuda = variant === 'cuda' ? await gatherCuda(building) : undefined;
  const name = packageOf(variant);
  report(`npm install of ${name} ${TFJS_VERSION}, without its scripts`);
  const packageDir = await installPackage(tools.npm, name, TFJS_VERSION, staging);
  const libraries = join(packageDir, 'deps', 'lib');
  await mkdir(libraries, { recursive: true });
  report(`TensorFlow's library from ${source.location}`);
  const include = await source.provide({ libraries, headers: join(work, 'include') });
  if (cuda !== undefined) await provideCuda(cuda, join(packageDir, 'deps', 'cuda'), report);
  const compiler = await compilerVersion(tools.compiler);
  report(`compiling the binding with ${compiler}`);
  const names = await readdir(libraries);
  const linked = cuda === undefined ? [] : [...cuda.found.keys()];
  await compileBinding({ compiler: tools.compiler, packageDir, include, libraries: names, cuda: linked });
  const proof = await proveTensorFlow(packageDir);
  if (variant === 'cuda' && !proof.gpu) report(await whyNoGpu());
  await rm(work, { recursive: true });
  const manifest = await describe(building, packageDir, compiler, proof, linked);
  await writeFile(join(staging, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

interface Cuda {
  /** Absolute paths by name, every one that is needed. */
  readonly found: ReadonlyMap<string, string>;
  /** Where they were looked for. */
  readonly folders: readonly string[];
}

/** @throws naming the libraries that are missing */
async function gatherCuda({ source, work, report }: Building): Promise<Cuda> {
  report('libraries of CUDA and cuDNN');
  const own = await source.cudaFolders(join(work, 'nvidia-wheels'));
  const folders = [...own, ...(await systemCudaFolders())];
  const { found, missing } = await findCuda(folders);
  if (missing.length > 0) throw missingCuda(missing, folders);
  return { found, folders };
}

async function provideCuda(
  { found, folders }: Cuda,
  target: string,
  report: (line: string) => void,
): Promise<void> {
  await placeCuda(found, target);
  if (!(await placeXlaFiles(folders, target)))
    report('ptxas and libdevice are missing (pip package nvidia-cuda-nvcc-cu12): all but XLA will work');
}

/** Not an error: images are built on machines without a GPU. */
async function whyNoGpu(): Promise<string> {
  return (await hasDriver())
    ? 'TensorFlow loads, but sees no GPU: nvidia-smi tells whether the driver does; TF_CPP_MIN_LOG_LEVEL=0 tells what TensorFlow thinks'
    : 'TensorFlow loads, but sees no GPU: this machine has no NVIDIA driver (libcuda.so.1)';
}

async function describe(
  { source, variant, staging }: Building,
  packageDir: string,
  compiler: string,
  proof: Proof,
  cuda: readonly string[],
): Promise<Manifest> {
  const { kind, location, fingerprint } = source;
  const files = await Promise.all((await nativeFiles(packageDir)).map((file) => describeFile(staging, file)));
  return {
    format: FORMAT,
    variant,
    libraryVersion: proof.version,
    source: { kind, location, fingerprint },
    package: {
      name: packageOf(variant),
      version: TFJS_VERSION,
      folder: portable(relative(staging, packageDir)),
    },
    binding: { napiVersion: NAPI_VERSION, compiler, builtWithNode: process.version },
    platform: process.platform,
    arch: process.arch,
    created: new Date().toISOString(),
    files,
    ...(cuda.length > 0 ? { cuda } : {}),
  };
}

/** The bindings and everything in `deps`. */
async function nativeFiles(packageDir: string): Promise<string[]> {
  const deps = join(packageDir, 'deps');
  const entries = await readdir(deps, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [join(packageDir, BINDING), join(packageDir, QUIET_OPENER), ...files.sort()];
}

async function describeFile(root: string, file: string): Promise<InstalledFile> {
  const { size } = await stat(file);
  return { path: portable(relative(root, file)), bytes: size, sha256: await sha256File(file) };
}

function portable(path: string): string {
  return path.split(sep).join('/');
}
