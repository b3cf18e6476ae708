import type { GpuEngine } from '@maehem/backend';
import { emptyTuning, type Tuning } from '@maehem/kernels';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetTuning, keepTuning, keptTuning } from './tuning-store.js';

/** As much of an adapter as a tuning knows of it. */
function gpuNamed(architecture: string): GpuEngine {
  const adapterInfo = { vendor: 'vendor', architecture, device: '', description: '' };
  return { device: { adapterInfo } } as unknown as GpuEngine;
}

/** A private file system in memory: one folder in another, files of text. */
function folder(): FileSystemDirectoryHandle {
  const entries = new Map<string, unknown>();
  const entry = async (name: string, make: () => unknown, create = false): Promise<unknown> => {
    if (!entries.has(name) && !create) throw new DOMException('none', 'NotFoundError');
    if (!entries.has(name)) entries.set(name, make());
    return entries.get(name);
  };
  return {
    getDirectoryHandle: (name: string, { create }: { create?: boolean } = {}) => entry(name, folder, create),
    getFileHandle: (name: string, { create }: { create?: boolean } = {}) => entry(name, file, create),
    removeEntry: async (name: string) => void entries.delete(name),
  } as unknown as FileSystemDirectoryHandle;
}

function file(): FileSystemFileHandle {
  let content = '';
  return {
    getFile: async () => new Blob([content]),
    createWritable: async () => ({
      write: async (text: string) => {
        content = text;
      },
      close: async () => {},
    }),
  } as unknown as FileSystemFileHandle;
}

describe('tunings that a page keeps', () => {
  const [gpu, other] = [gpuNamed('ampere'), gpuNamed('rdna3')];
  const tuningOf = (...names: string[]): Tuning => ({
    ...emptyTuning(gpu),
    measured: Object.fromEntries(
      names.map((name) => [name, { choice: { tile: 1 }, ms: 1, usualMs: 2, at: '2026-11-25T01:00:00.000Z' }]),
    ),
  });
  beforeEach(() => {
    const root = folder();
    vi.stubGlobal('isSecureContext', true);
    vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
  });
  afterEach(() => vi.unstubAllGlobals());

  it('are those of an adapter, one beside the other, until they are forgotten', async () => {
    expect(await keptTuning(gpu)).toBeUndefined();
    await keepTuning(gpu, tuningOf('a'));
    await keepTuning(gpu, tuningOf('b'));
    expect(await keptTuning(gpu)).toEqual(tuningOf('a', 'b'));
    expect(await keptTuning(other)).toBeUndefined();
    await forgetTuning(gpu);
    expect(await keptTuning(gpu)).toBeUndefined();
  });

  it('are of no use, and in no way, after a change to the kernels', async () => {
    await keepTuning(gpu, { ...tuningOf('a'), kernels: 'older' });
    expect(await keptTuning(gpu)).toBeUndefined();
    await keepTuning(gpu, tuningOf('b'));
    expect(await keptTuning(gpu)).toEqual(tuningOf('b'));
  });

  it('are not looked for where nothing can be kept', async () => {
    vi.stubGlobal('isSecureContext', false);
    expect(await keptTuning(gpu)).toBeUndefined();
  });
});
