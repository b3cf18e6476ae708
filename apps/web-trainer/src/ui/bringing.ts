import type { RgbaImage } from '@maehem/viz';
import { signal } from '@preact/signals';
import * as comlink from 'comlink';
import { listPictures, removePictures, type StoredPictures } from '../data/picture-store.js';
import type { BroughtFile, ImportApi, ImportResult } from '../import/protocol.js';
import { storageUnavailable } from '../keep/private-files.js';
import { source } from './draft.js';
import { message } from './session.js';

/** An import under way or done. */
export interface Bringing {
  readonly name: string;
  readonly files: number;
  readonly done: number;
  readonly bytes: number;
  readonly leftOut: number;
  readonly thumbnails: readonly RgbaImage[];
  readonly result?: ImportResult;
}

export const bringing = signal<Bringing | undefined>(undefined);
export const collections = signal<readonly StoredPictures[]>([]);
/** Pictures are kept with this short side, in pixels. */
export const shortSide = signal(96);

/** Bring pictures in: decoded in a worker of their own, kept in this browser, and chosen for the next run. */
export async function bring(files: readonly BroughtFile[], name: string): Promise<void> {
  const refusal = storageUnavailable();
  if (files.length === 0 || refusal !== undefined) {
    message.value = { kind: 'alarm', text: refusal ?? 'there was no file in what you brought' };
    return;
  }
  bringing.value = { name, files: files.length, done: 0, bytes: 0, leftOut: 0, thumbnails: [] };
  const worker = new Worker(new URL('../import/import-worker.ts', import.meta.url), { type: 'module' });
  try {
    const remote = comlink.wrap<ImportApi>(worker);
    const tell = comlink.proxy((progress: Omit<Bringing, 'name' | 'files'>) => {
      const thumbnails = [...bringing.value!.thumbnails, ...progress.thumbnails];
      bringing.value = { ...bringing.value!, ...progress, thumbnails };
    });
    const result = await remote.bring(files, { name, shortSide: shortSide.value }, tell);
    bringing.value = { ...bringing.value!, result };
    if (result.source !== undefined) source.value = result.source;
    await refreshCollections();
  } catch (error) {
    bringing.value = undefined;
    message.value = { kind: 'alarm', text: `The pictures could not be kept: ${(error as Error).message}` };
  } finally {
    worker.terminate();
  }
}

/** Pictures that the camera took, a batch at a time. */
export async function bringShots(shots: readonly Blob[]): Promise<void> {
  await bring(
    shots.map((file, at) => ({ path: `shot-${at}.jpg`, file })),
    `${shots.length} camera pictures`,
  );
}

export async function refreshCollections(): Promise<void> {
  if (storageUnavailable() === undefined) collections.value = await listPictures();
}

export async function forget(id: string): Promise<void> {
  await removePictures(id);
  await refreshCollections();
}
