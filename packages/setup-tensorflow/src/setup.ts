import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildInstallation } from './build.js';
import { cacheFolder, installationsFolder } from './cache.js';
import type { TensorFlowInstallation, TensorFlowVariant } from './installation.js';
import { readInstallations } from './installations.js';
import { installationOf, MANIFEST, type Manifest } from './manifest.js';
import { machineProblem, spaceProblem, thisMachine } from './platform.js';
import { isCurrent } from './release.js';
import type { LibrarySource } from './source/source.js';
import { openStaging, publish } from './staging.js';
import { findTools } from './tools.js';
import { verifyInstallation } from './verify.js';

export interface SetupOptions {
  /**
   * Where TensorFlow comes from: `wheel` (the default: pip downloads it), `python` (the tensorflow that python3
   * imports), or the path of a `.whl`, of the C library's `.tar.gz`, or of a folder.
   */
  readonly from?: string;
  /** `cpu` by default. */
  readonly variant?: TensorFlowVariant;
  /** MAEhem's cache, `cacheFolder()` by default. */
  readonly cache?: string;
  /** Make it even when it is there. */
  readonly force?: boolean;
  /** Told what is going on, one line each. */
  readonly report?: (line: string) => void;
}

export interface SetupOutcome {
  readonly installation: TensorFlowInstallation;
  /** `false` when it was there already, and good. */
  readonly made: boolean;
}

/**
 * Make a tfjs-node that works with a current TensorFlow: its own binding, compiled against the C library of `from`.
 * Programs of the user's are run (a C++ compiler, npm, and pip for `wheel`); npm and pip download. An installation
 * that is there is verified (checksums, one product of matrices) and kept; one that has changed is made again. A
 * set-up that is stopped leaves nothing that `locateTensorFlow` would find.
 * @throws when something is missing, damaged or does not work; the message says what, and what to do.
 */
export async function setupTensorFlow(options: SetupOptions = {}): Promise<SetupOutcome> {
  const {
    from = 'wheel',
    variant = 'cpu',
    cache = cacheFolder(),
    force = false,
    report = () => {},
  } = options;
  const unsuited = machineProblem(await thisMachine());
  if (unsuited !== undefined) throw new Error(unsuited);
  const root = installationsFolder(cache);
  if (from === 'wheel' && !force) {
    const there = await findVerified(
      root,
      report,
      (it) => it.variant === variant && isCurrent(it.libraryVersion),
    );
    if (there !== undefined) return { installation: there, made: false };
  }
  const tools = await findTools(from);
  const staging = await openStaging(root);
  try {
    const full = await spaceProblem(staging, variant);
    if (full !== undefined) throw new Error(full);
    const work = join(staging, 'work');
    await mkdir(work);
    report(from === 'wheel' ? 'pip download of TensorFlow' : `TensorFlow from ${from}`);
    // Reading archives takes libraries that whoever only locates TensorFlow need not load.
    const { openSource } = await import('./source/open.js');
    const source = await openSource(from, { variant, python: tools.python, work });
    checkVariant(source, variant, report);
    if (!force) {
      const same = (it: Manifest): boolean =>
        it.variant === variant && it.source.fingerprint === source.fingerprint;
      const there = await findVerified(root, report, same);
      if (there !== undefined) return { installation: there, made: false };
    }
    const manifest = await buildInstallation({ source, variant, tools, staging, work, report });
    const name = `${variant}-${manifest.libraryVersion}-${source.fingerprint.slice(0, 12)}`;
    await publish(staging, join(root, name));
    return { installation: installationOf(join(root, name, MANIFEST), manifest), made: true };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The first installation that `isIt` takes and that is as it was made. */
async function findVerified(
  root: string,
  report: (line: string) => void,
  isIt: (manifest: Manifest) => boolean,
): Promise<TensorFlowInstallation | undefined> {
  const { usable } = await readInstallations(root);
  for (const { path, manifest } of usable.filter((each) => isIt(each.manifest))) {
    const problem = await verifyInstallation(path, manifest);
    if (problem === undefined) return installationOf(path, manifest);
    report(`${dirname(path)}: ${problem}`);
  }
  return undefined;
}

function checkVariant(
  source: LibrarySource,
  variant: TensorFlowVariant,
  report: (line: string) => void,
): void {
  if (variant === 'cuda' && source.variant === 'cpu')
    throw new Error(
      `${source.location} is a TensorFlow without CUDA: leave out --gpu, or take the package tensorflow (not tensorflow-cpu) for x86-64 Linux`,
    );
  if (variant === 'cpu' && source.variant === 'cuda')
    report('this TensorFlow can use CUDA, and is set up for the CPU; --gpu sets it up for both');
}
