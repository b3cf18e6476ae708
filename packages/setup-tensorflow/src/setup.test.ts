import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { BINDING } from './installation.js';
import { loadTensorFlow } from './load.js';
import { locateTensorFlow } from './locate.js';
import { readManifest } from './manifest.js';
import { machineProblem, thisMachine } from './platform.js';
import { proveTensorFlow } from './prove.js';
import { setupTensorFlow } from './setup.js';
import { findTools } from './tools.js';
import { verifyInstallation } from './verify.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-setup-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const installation = await locateTensorFlow({ variant: 'cpu', from: root });
const why = installation ? undefined : 'no TensorFlow is set up: npm run setup';

/** Why nothing can be compiled here, if so. */
const cannot =
  machineProblem(await thisMachine()) ??
  (await findTools('FOLDER').then(
    () => undefined,
    (error: Error) => error.message,
  ));

/** CI promises one; there these tests fail rather than skip. */
const promised = (process.env['MAEHEM_PROMISED_BACKENDS'] ?? '').split(',').includes('tensorflow');

/** A test that needs a TensorFlow; without one it is skipped, saying what to run. */
const real = (name: string, body: () => Promise<void>): void =>
  it(name, async (context) => {
    if (!promised) context.skip(why !== undefined, why);
    expect(installation, why).toBeDefined();
    await body();
  });

describe('a TensorFlow that is set up', () => {
  real('is kept when it is set up again', async () => {
    const report = vi.fn();
    const { made, installation: kept } = await setupTensorFlow({ report });
    expect({ made, kept }).toEqual({ made: false, kept: installation });
    expect(report).not.toHaveBeenCalled();
  });

  real('is at least TensorFlow 2.21, whose version the manifest has', async () => {
    const { version } = await proveTensorFlow(installation!.packageDir);
    expect(installation?.libraryVersion).toBe(version);
  });

  real('is found damaged when a file has changed', async () => {
    const path = installation!.manifestPath!;
    const manifest = await readManifest(path);
    const [binding, ...others] = manifest.files;
    expect(binding?.path).toContain(BINDING);
    const changed = { ...manifest, files: [{ ...binding!, sha256: 'ab' }, ...others] };
    expect(await verifyInstallation(path, changed)).toMatch(/tfjs_binding\.node has changed \(SHA-256/);
  });

  real('shares its engine with the tfjs-core that is there, and computes', async () => {
    const warn = vi.spyOn(console, 'warn');
    const module = await loadTensorFlow(installation!);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expect((module['engine'] as typeof tf.engine)()).toBe(tf.engine());
    expect(tf.getBackend()).toBe('tensorflow');
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const product = tf.matMul(a, a);
    expect(Array.from(await product.data())).toEqual([7, 10, 15, 22]);
    expect(product).toBeInstanceOf(tf.Tensor);
    // Runs into the functions of node:util that Node 23 took away.
    const { values, indices } = tf.topk(a, 1);
    expect(Array.from(await values.data())).toEqual([2, 4]);
    expect(Array.from(await indices.data())).toEqual([1, 1]);
    for (const tensor of [a, product, values, indices]) tensor.dispose();
  });
});

describe('a set-up that fails', () => {
  it('leaves nothing', async (context) => {
    context.skip(cannot !== undefined, cannot);
    const cache = join(root, 'cache');
    const empty = join(root, 'empty');
    mkdirSync(empty);
    await expect(setupTensorFlow({ from: empty, cache })).rejects.toThrow(/has no TensorFlow library/);
    expect(readdirSync(join(cache, 'tensorflow'))).toEqual([]);
  });

  it('refuses CUDA from a TensorFlow that has none', async (context) => {
    context.skip(cannot !== undefined, cannot);
    const folder = join(root, 'cpu-only');
    const names = ['libtensorflow_cc.so.2', 'libtensorflow_cc.2.dylib', 'libtensorflow_framework.so.2'];
    mkdirSync(join(folder, 'include', 'tensorflow', 'c'), { recursive: true });
    mkdirSync(join(folder, 'python', 'platform'), { recursive: true });
    for (const name of [...names, 'libtensorflow_framework.2.dylib', 'include/tensorflow/c/c_api.h'])
      writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'python', 'platform', 'build_info.py'), "('is_cuda_build', False)");
    const failure = setupTensorFlow({ from: folder, variant: 'cuda', cache: join(root, 'cache') });
    await expect(failure).rejects.toThrow(/is a TensorFlow without CUDA: leave out --gpu/);
  });

  it('does not prove what does not load', async () => {
    await expect(proveTensorFlow(join(root, 'nowhere'))).rejects.toThrow(/failed \(exit 1\)[\s\S]*nowhere/);
  });
});
