import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GpuEngine, gpuEngine } from '@maehem/backend';
import { emptyTuning, type Measured, type Tuning, tuningInUse, tuningText, useTuning } from '@maehem/kernels';
import { describeOnBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { keepTuning, openTuning, readTuning, recordTuning, tuningFile } from './tuning.js';

const measured: Measured = { choice: { tile: 1 }, ms: 1, usualMs: 2, at: '2026-11-25T01:00:00.000Z' };

describeOnBackend('tuned tiles', 'webgpu', () => {
  let cache = '';
  let gpu: GpuEngine;
  let notes: string[] = [];
  const progress = { update: () => {}, stop: () => {}, note: (text: string) => notes.push(text) };
  const open = (tuning?: string) =>
    openTuning({ name: 'webgpu' } as never, tuning === undefined ? {} : { tuning }, progress as never);
  const tuningOf = (...names: string[]): Tuning => ({
    ...emptyTuning(gpu),
    measured: Object.fromEntries(names.map((name) => [name, measured])),
  });
  beforeEach(async () => {
    gpu = gpuEngine(tf.backend());
    cache = await mkdtemp(join(tmpdir(), 'maehem-tiles-'));
    vi.stubEnv('MAEHEM_CACHE', cache);
    notes = [];
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    useTuning(gpu, undefined);
    await rm(cache, { recursive: true });
  });

  it('are kept for each adapter, beside those of other kernels', async () => {
    const file = tuningFile(gpu);
    expect(file).toMatch(/webgpu.tiles-[a-z0-9-]+\.json$/);
    expect(await readTuning(file, gpu)).toBeUndefined();
    await keepTuning(file, gpu, tuningOf('a'));
    await keepTuning(file, gpu, tuningOf('b'));
    expect(await readTuning(file, gpu)).toEqual(tuningOf('a', 'b'));
  });

  it('are used by runs, which say so', async () => {
    expect(await open()).toBeUndefined();
    await keepTuning(tuningFile(gpu), gpu, tuningOf('a'));
    expect(await open()).toEqual(tuningOf('a'));
    expect(tuningInUse(gpu)).toEqual(tuningOf('a'));
    expect(notes).toEqual([
      'tiles      tuned on 2026-11-25: 1 kernels measured, 1 of them not as usual; --no-tuning goes without',
    ]);
    expect(await open('none')).toBeUndefined();
    expect(tuningInUse(gpu)).toBeUndefined();
  });

  it('are passed over with a word, and replaced, when the file is of no use any more', async () => {
    const file = tuningFile(gpu);
    await keepTuning(file, gpu, { ...tuningOf('a'), kernels: 'older' });
    expect(await open()).toBeUndefined();
    await writeFile(file, '{');
    expect(await open()).toBeUndefined();
    expect(notes).toEqual(
      ['was measured before the kernels changed', 'is not JSON'].map(
        (why) => `tiles      as usual: ${file} ${why}; \`maehem doctor --tune\` measures again`,
      ),
    );
    await keepTuning(file, gpu, tuningOf('b'));
    expect(await open()).toEqual(tuningOf('b'));
  });

  it('of a file are used or refused', async () => {
    const file = join(cache, 'other.json');
    await expect(open(file)).rejects.toThrow(`--tuning: there is no ${file}`);
    await writeFile(file, 'nothing');
    await expect(open(file)).rejects.toThrow(`--tuning: ${file} is not JSON`);
    await writeFile(file, tuningText(tuningOf('a')));
    expect(await open(file)).toEqual(tuningOf('a'));
  });

  it('are recorded with a run', async () => {
    const file = join(cache, 'tuning.json');
    await recordTuning(cache, tuningOf('a'));
    expect(await readFile(file, 'utf8')).toBe(tuningText(tuningOf('a')));
    await recordTuning(cache, undefined);
    expect(existsSync(file)).toBe(false);
  });
});
