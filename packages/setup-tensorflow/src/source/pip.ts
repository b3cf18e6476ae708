import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TensorFlowVariant } from '../installation.js';
import { TENSORFLOW_RELEASE } from '../release.js';
import { runProgram } from '../run-program.js';
import { cudaRequirements } from './wheel.js';

/** TensorFlow has wheels for these; the library does not depend on the Python that asks for it. */
const PYTHON_WITH_WHEELS = '3.12';

/** `tensorflow-cpu` exists for x86-64 Linux only; elsewhere `tensorflow` has no CUDA either. */
function packageName(variant: TensorFlowVariant): string {
  const small = variant === 'cpu' && process.platform === 'linux' && process.arch === 'x64';
  return small ? 'tensorflow-cpu' : 'tensorflow';
}

/**
 * Download TensorFlow's wheel with the user's own pip, and for CUDA the wheels of NVIDIA's libraries that it names.
 * @param folder an empty folder
 * @returns the path of TensorFlow's wheel
 * @throws with what pip said
 */
export async function downloadWheel(
  python: string,
  variant: TensorFlowVariant,
  folder: string,
): Promise<string> {
  const requirement = `${packageName(variant)}==${TENSORFLOW_RELEASE}.*`;
  await pipDownload(python, [requirement], folder);
  const name = (await readdir(folder)).find((each) => /^tensorflow.*\.whl$/.test(each));
  if (name === undefined) throw new Error(`pip downloaded no wheel of ${requirement}`);
  const wheel = join(folder, name);
  if (variant === 'cuda') await pipDownload(python, await cudaRequirements(wheel), folder);
  return wheel;
}

async function pipDownload(python: string, requirements: readonly string[], folder: string): Promise<void> {
  if (requirements.length === 0) return;
  const download = (extra: readonly string[]): Promise<string> =>
    runProgram(python, [
      ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check'],
      ...['--progress-bar=off', '--dest', folder, ...extra, ...requirements],
    ]);
  // A Python too new or too old for TensorFlow can fetch the wheel of another one.
  await download([]).catch((error: unknown) =>
    download(['--implementation=cp', `--python-version=${PYTHON_WITH_WHEELS}`]).catch(() => {
      throw error;
    }),
  );
}

/** The folder of the `tensorflow` that `python` would import; nothing of it is run. */
export async function installedTensorFlow(python: string): Promise<string> {
  const code =
    'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")';
  const folder = (await runProgram(python, ['-c', code])).trim();
  if (folder === '')
    throw new Error(`${python} has no tensorflow: ${python} -m pip install tensorflow, or --from wheel`);
  return folder;
}
