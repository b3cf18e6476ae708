import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Backend, gpuEngine } from '@maehem/backend';
import { type GemmTuning, parseGemmTuning, useGemmTuning } from '@maehem/kernels';
import { cacheFolder } from '@maehem/setup-tensorflow';
import * as tf from '@tensorflow/tfjs-core';

/** Where the tiles that `maehem doctor --tune` found for an adapter are kept. */
export function tunedTilesFile(
  { description }: Pick<Backend, 'description'>,
  cache: string = cacheFolder(),
): string {
  const name = description.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return join(cache, 'webgpu', `tiles-${name}.json`);
}

/** Keep tiles, beside those of other products that the adapter was tuned for. */
export async function keepTunedTiles(file: string, tuning: GemmTuning): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...(await readTunedTiles(file)), ...tuning }, null, 1)}\n`);
}

/** Products take the tiles that were found for this adapter, if it was ever tuned. */
export async function useTunedTiles(backend: Backend): Promise<void> {
  if (backend.name === 'webgpu')
    useGemmTuning(gpuEngine(tf.backend()), await readTunedTiles(tunedTilesFile(backend)));
}

/**
 * The tiles in a file, none where there is no file.
 * @throws when it is not what was written there.
 */
export async function readTunedTiles(file: string): Promise<GemmTuning> {
  try {
    return parseGemmTuning(await readFile(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
