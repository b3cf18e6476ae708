import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.js';

/**
 * `npm install` one package at an exact version into a folder of its own, with what it depends on and without running
 * anybody's scripts: tfjs-node's would download TensorFlow 2.9.
 * @returns the package's folder
 * @throws with what npm said
 */
export async function installPackage(
  npm: string,
  name: string,
  version: string,
  folder: string,
): Promise<string> {
  const manifest = { private: true, dependencies: { [name]: version } };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  await runProgram(npm, ['install', '--ignore-scripts', '--omit=dev', '--prefix', folder, ...quiet], {
    cwd: folder,
  });
  await removeSourceMaps(join(folder, 'node_modules'));
  return join(folder, 'node_modules', name);
}

/** Two thirds of what tfjs weighs. */
async function removeSourceMaps(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  await Promise.all(names.filter((name) => name.endsWith('.map')).map((name) => rm(join(folder, name))));
}
