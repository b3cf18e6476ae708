import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TensorFlowInstallation, TensorFlowVariant } from './installation.js';

export const MANIFEST = 'manifest.json';

/** Of this reader; a manifest of another format is not an installation. */
export const FORMAT = 1;

/** A file of the installation as it was when it was made. */
export interface InstalledFile {
  /** Relative to the manifest's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What an installation is made of and where that came from: `manifest.json` in its folder. */
export interface Manifest {
  readonly format: typeof FORMAT;
  readonly variant: TensorFlowVariant;
  /** As the library itself says. */
  readonly libraryVersion: string;
  readonly source: {
    readonly kind: 'wheel' | 'python' | 'tarball' | 'folder';
    /** The wheel's name, or the path that was given. */
    readonly location: string;
    /** Hexadecimal SHA-256 of the library, by which a source is known again. */
    readonly fingerprint: string;
  };
  readonly package: {
    readonly name: string;
    readonly version: string /** Relative. */;
    readonly folder: string;
  };
  readonly binding: {
    readonly napiVersion: number;
    readonly compiler: string;
    /** `process.version` of the Node that built it; any Node with this Node-API version can load it. */
    readonly builtWithNode: string;
  };
  readonly platform: string;
  readonly arch: string;
  /** ISO 8601. */
  readonly created: string;
  readonly files: readonly InstalledFile[];
  /** CUDA libraries that were linked in, by soname; of the cuda variant only. */
  readonly cuda?: readonly string[];
}

/** @throws naming the file, when there is no manifest or it is not one that this version reads. */
export async function readManifest(path: string): Promise<Manifest> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`);
  });
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON`);
  }
  if (manifest?.format !== FORMAT)
    throw new Error(`${path} has format ${manifest?.format}; this version reads format ${FORMAT}`);
  const { variant, libraryVersion, source, package: npm, binding, files } = manifest;
  if (!variant || !libraryVersion || !source || !npm?.folder || !binding || !Array.isArray(files))
    throw new Error(`${path} lacks parts of a manifest`);
  return manifest as Manifest;
}

/** What keeps this machine and Node from using the installation at `path`; looks at sizes, not at contents. */
export async function findProblems(path: string, manifest: Manifest): Promise<string[]> {
  const { platform, arch, binding, files } = manifest;
  const problems: string[] = [];
  if (platform !== process.platform || arch !== process.arch)
    problems.push(`${path} is for ${platform}-${arch}, this is ${process.platform}-${process.arch}`);
  if (binding.napiVersion > Number(process.versions['napi']))
    problems.push(
      `${path} needs Node-API ${binding.napiVersion}; Node ${process.version} has ${process.versions['napi']}`,
    );
  for (const { path: name, bytes } of files) {
    const file = join(dirname(path), name);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) problems.push(`${file} is missing`);
    else if (found.size !== bytes) problems.push(`${file} has ${found.size} bytes instead of ${bytes}`);
  }
  return problems;
}

export function installationOf(path: string, manifest: Manifest): TensorFlowInstallation {
  const { variant, libraryVersion, package: npm } = manifest;
  return { packageDir: join(dirname(path), npm.folder), libraryVersion, variant, manifestPath: path };
}
