import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { QUIET_OPENER, type TensorFlowInstallation } from './installation.js';
import { restoreRemovedUtils } from './removed-utils.js';
import { LIBRARY_NAMES } from './source/source.js';

/** The binding as tfjs-node exposes it, and the rest of its module, which is all of tfjs. */
export type TensorFlowModule = Readonly<Record<string, unknown>>;

/**
 * Load tfjs-node and with it TensorFlow into this process. tfjs keeps its engine, kernels and gradients on
 * `globalThis`, so the backend `tensorflow` is there in every copy of tfjs-core of the same version; it becomes the
 * current one. What tfjs warns of while its packages register themselves again is not shown, nor are TensorFlow's
 * remarks below errors, unless `TF_CPP_MIN_LOG_LEVEL` is set.
 * @throws when the binding or its libraries do not load; the message names the package and the reason.
 */
export async function loadTensorFlow(installation: TensorFlowInstallation): Promise<TensorFlowModule> {
  restoreRemovedUtils(util);
  const { packageDir } = installation;
  const wantsLog = process.env['TF_CPP_MIN_LOG_LEVEL'] !== undefined;
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  tellXlaWhereCudaIs(join(packageDir, 'deps', 'cuda'));
  const require = createRequire(join(packageDir, 'package.json'));
  try {
    if (!wantsLog) openQuietly(packageDir, require);
    return withoutWarnings(() => require(packageDir) as TensorFlowModule);
  } catch (error) {
    throw new Error(`${packageDir} does not load: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * TensorFlow's constructors log before they read a setting: where we made a binding for it, they do so unheard. What
 * the loading of the whole finds wrong, it tells itself.
 */
function openQuietly(packageDir: string, require: NodeJS.Require): void {
  const opener = join(packageDir, QUIET_OPENER);
  if (!existsSync(opener)) return;
  const { openQuietly } = require(opener) as { openQuietly(path: string): void };
  openQuietly(join(packageDir, 'deps', 'lib', LIBRARY_NAMES.framework));
}

/** XLA looks for ptxas and libdevice where CUDA is installed for the whole machine, unless it is told. */
function tellXlaWhereCudaIs(folder: string): void {
  if (existsSync(join(folder, 'nvvm'))) process.env['XLA_FLAGS'] ??= `--xla_gpu_cuda_data_dir=${folder}`;
}

function withoutWarnings<T>(body: () => T): T {
  const { warn } = console;
  console.warn = () => {};
  try {
    return body();
  } finally {
    console.warn = warn;
  }
}
