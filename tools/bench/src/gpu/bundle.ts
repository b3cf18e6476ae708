import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

export interface BundleOptions {
  /** An empty folder, or one to be made. One of an earlier bundle is replaced. */
  readonly folder: string;
  /** Bring this Node along, for machines that have none. */
  readonly withNode: boolean;
}

/** The compiler bundles nothing: sources lie beside `dist`. */
const source = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));

/** Where Debian, Fedora and Arch have the Vulkan loader. */
const LOADERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].map((path) =>
  join(path, 'libvulkan.so.1'),
);

/**
 * Write a folder that benchmarks a GPU on a Linux machine with nothing but its driver: `run.sh`, the program and its
 * peers, Dawn, this Node, and the Vulkan loader if it is here. Laid out as this package is, so that peers find each other.
 * @returns its size in bytes
 */
export async function bundleGpuBench({ folder, withNode }: BundleOptions): Promise<number> {
  if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, 'run.sh')))
    throw new Error(`${folder} holds something else than an earlier bundle; choose another folder`);
  rmSync(folder, { recursive: true, force: true });
  const dist = join(folder, 'dist');
  mkdirSync(dist, { recursive: true });
  await bundlePrograms(dist);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  copyTo(source('peers/torch_mae.py'), join(folder, 'src/peers/torch_mae.py'));
  copyTo(source('gpu/run.sh'), join(folder, 'run.sh'));
  writeFileSync(join(dist, 'dawn.node.gz'), gzipSync(readFileSync(dawnFile())));
  if (withNode) writeFileSync(join(folder, 'node.gz'), gzipSync(readFileSync(process.execPath)));
  const loader = LOADERS.find((path) => existsSync(path));
  if (loader !== undefined) copyTo(loader, join(folder, 'lib/libvulkan.so.1'));
  return sizeOf(folder);
}

function copyTo(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

async function bundlePrograms(outdir: string): Promise<void> {
  await build({
    entryPoints: { 'gpu-main': source('gpu/gpu-main.ts'), 'peer-main': source('peer-main.ts') },
    ...{ outdir, bundle: true, splitting: true, minify: true, keepNames: true, logLevel: 'error' },
    ...{ format: 'esm', platform: 'node', target: 'node20', conditions: ['@maehem/source'] },
    mainFields: ['module', 'main'],
    alias: { webgpu: source('gpu/dawn-beside.ts') },
    // What CommonJS modules in it ask for.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
}

function dawnFile(): string {
  const entry = createRequire(import.meta.url).resolve('webgpu');
  return join(dirname(entry), 'dist', `${process.platform}-${process.arch}`, 'dawn.node');
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);
}
