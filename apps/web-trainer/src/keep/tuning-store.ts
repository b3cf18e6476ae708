import type { GpuEngine } from '@maehem/backend';
import { adapterKey, joinTunings, type Tuning, tuningFrom, tuningText } from '@maehem/kernels';
import { openFolder, readFile, remove, storageUnavailable, writeFile } from './private-files.js';

const FOLDER = 'tuning';

/** A file for each adapter: a machine may have two, and its browser may be updated. */
function fileOf(gpu: GpuEngine): string {
  return `${adapterKey(gpu)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')}.json`;
}

/** What was measured here of this adapter; `undefined` where nothing was, or nothing that is of use any more. */
export async function keptTuning(gpu: GpuEngine): Promise<Tuning | undefined> {
  if (storageUnavailable() !== undefined) return undefined;
  const bytes = await readFile(await openFolder(FOLDER), fileOf(gpu));
  if (bytes === undefined) return undefined;
  const tuning = tuningFrom(new TextDecoder().decode(bytes), gpu, 'what was kept');
  return typeof tuning === 'string' ? undefined : tuning;
}

/**
 * Keep a tuning, beside what is known of other kernels of the adapter.
 * @throws StorageError when it finds no room.
 */
export async function keepTuning(gpu: GpuEngine, tuning: Tuning): Promise<void> {
  const joined = joinTunings(await keptTuning(gpu), tuning);
  await writeFile(await openFolder(FOLDER), fileOf(gpu), tuningText(joined));
}

/** Forget what was measured of this adapter. */
export async function forgetTuning(gpu: GpuEngine): Promise<void> {
  await remove(await openFolder(FOLDER), fileOf(gpu));
}
