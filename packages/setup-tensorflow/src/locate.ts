import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cacheFolder, installationsFolder } from './cache.js';
import {
  packageOf,
  setupCommand,
  type TensorFlowInstallation,
  type TensorFlowVariant,
  TFJS_VERSION,
} from './installation.js';
import { readInstallations } from './installations.js';
import { installationOf } from './manifest.js';

export interface LocateOptions {
  /** Only this one; otherwise CUDA before CPU. */
  readonly variant?: TensorFlowVariant;
  /** MAEhem's cache, `cacheFolder()` by default. */
  readonly cache?: string;
  /** The folder from which a tfjs-node of the user's own is looked up; the current one by default. */
  readonly from?: string;
}

/** What `searchTensorFlow` found, best first, and what is there but cannot be used, with what to do. */
export interface TensorFlowSearch {
  readonly installations: readonly TensorFlowInstallation[];
  readonly problems: readonly string[];
}

/**
 * The TensorFlow to use: what `setupTensorFlow` made (the newest library), else a tfjs-node of the user's own. Files
 * are looked at, nothing is loaded or run.
 * @returns `undefined` when there is none; `searchTensorFlow` tells why.
 */
export async function locateTensorFlow(
  options: LocateOptions = {},
): Promise<TensorFlowInstallation | undefined> {
  const { installations } = await searchTensorFlow(options);
  return installations[0];
}

/** Every TensorFlow that could be used, best first, and what is wrong with the others. */
export async function searchTensorFlow(options: LocateOptions = {}): Promise<TensorFlowSearch> {
  const { variant, cache = cacheFolder(), from = process.cwd() } = options;
  const variants: readonly TensorFlowVariant[] = variant ? [variant] : ['cuda', 'cpu'];
  const { usable, problems: broken } = await readInstallations(installationsFolder(cache));
  const made = usable.map(({ path, manifest }) => installationOf(path, manifest));
  const peers = await Promise.all(variants.map((each) => searchPeer(each, from)));
  const problems = [...broken, ...peers.flatMap((peer) => peer.problems)];
  const installations = variants.flatMap((each) => [
    ...made.filter((installation) => installation.variant === each),
    ...peers.flatMap((peer) => peer.installations).filter((installation) => installation.variant === each),
  ]);
  return { installations, problems };
}

/** A tfjs-node that the user installed, with its own binding: how it came about is not our business. */
async function searchPeer(variant: TensorFlowVariant, from: string): Promise<TensorFlowSearch> {
  const name = packageOf(variant);
  const manifestFile = await findPackage(name, resolve(from));
  if (manifestFile === undefined) return { installations: [], problems: [] };
  const refuse = (reason: string): TensorFlowSearch => ({
    installations: [],
    problems: [`${manifestFile}: ${reason}; run '${setupCommand(variant)}'`],
  });
  const { version } = JSON.parse(await readFile(manifestFile, 'utf8')) as { version: string };
  if (version !== TFJS_VERSION) return refuse(`${name} ${version}, while ${TFJS_VERSION} is needed`);
  const packageDir = dirname(manifestFile);
  if (!(await hasBinding(packageDir)))
    return refuse(`${name} has no binding (lib/napi-v*/tfjs_binding.node)`);
  const libraryVersion = await peerLibraryVersion(packageDir);
  return { installations: [{ packageDir, libraryVersion, variant, manifestPath: undefined }], problems: [] };
}

/**
 * The nearest `node_modules/NAME/package.json` at or above a folder. Not what Node's resolution finds: NODE_PATH, as
 * package managers set it for their scripts, shows packages of other projects.
 */
async function findPackage(name: string, folder: string): Promise<string | undefined> {
  const file = join(folder, 'node_modules', name, 'package.json');
  if (await stat(file).catch(() => undefined)) return realpath(file);
  const parent = dirname(folder);
  return parent === folder ? undefined : findPackage(name, parent);
}

async function hasBinding(packageDir: string): Promise<boolean> {
  const folders = await listed(join(packageDir, 'lib'));
  const contents = await Promise.all(folders.map((folder) => listed(join(packageDir, 'lib', folder))));
  return contents.flat().includes('tfjs_binding.node');
}

/** The names in a folder; none when there is no such folder. */
async function listed(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((): string[] => []);
}

/** Read from the library's name (`libtensorflow.so.2.9.1`), where it says more than the major version. */
async function peerLibraryVersion(packageDir: string): Promise<string> {
  const names = await listed(join(packageDir, 'deps', 'lib'));
  const versions = names.map((name) => /^libtensorflow(?:_cc)?[.a-z]*?(\d+\.\d+\.\d+)/.exec(name)?.[1]);
  return versions.find((version) => version !== undefined) ?? 'unknown';
}
