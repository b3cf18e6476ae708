import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openBackend } from '@maehem/backend';
import { parseSettings, pretrainConfig } from '@maehem/settings';
import { createPretraining, downloadTree } from '@maehem/train';
import { encodePng, filled } from '@maehem/viz';
import {
  bytesSource,
  decodeSafetensors,
  encodeSafetensors,
  floatValues,
  openWeights,
  readModel,
} from '@maehem/weights';
import type { Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openSource } from '../data/pictures.js';
import type { DataSource } from '../data/source.js';
import { recipe } from '../ui/recipes.js';
import type { Suite } from './site.js';

const DIGITS: DataSource = { kind: 'mnist', count: 10_000 };
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const CLI = join(ROOT, 'apps', 'node-trainer');

/** Weights out and in: against a run in Node, and by way of the `maehem` command. */
export function weightTests({ withPage, site, folder }: Suite): void {
  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [
      ...[join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', CLI],
    ]);
  }, 180_000);

  /** Run the command in the tests' folder. @returns what it printed */
  async function maehem(...args: string[]): Promise<string> {
    const program = join(CLI, 'dist', 'maehem.js');
    return (await promisify(execFile)(process.execPath, [program, ...args], { cwd: folder })).stdout;
  }

  it('computes what Node computes, and each reads the weights of the other', { timeout: 300_000 }, () =>
    withPage({ settings: 'epochs=0.064&optimizer.warmupEpochs=0.01&threads=2' }, async ({ page }) => {
      const settings = parseSettings({
        ...recipe(DIGITS),
        ...{ data: 'MNIST, 10,000 digits', epochs: 0.064 },
        optimizer: { ...(recipe(DIGITS)['optimizer'] as object), warmupEpochs: 0.01 },
      });
      await page.locator('.about', { hasText: '2 threads' }).waitFor();
      await page.getByRole('button', { name: 'Start' }).click();
      await page.getByRole('button', { name: 'Finished' }).waitFor();
      const exported = decodeSafetensors(await exportOf(page, 'Export the model'));
      const encoder = decodeSafetensors(await exportOf(page, 'Export the encoder'));

      await openBackend('wasm');
      const pictures = await openSource(site().url, DIGITS, settings);
      const run = createPretraining(pretrainConfig(settings), pictures.batchesPerEpoch);
      for await (const _report of run.steps(pictures.epochs));
      expect(run.totalSteps).toBe(20);
      const inNode = await downloadTree(run.trainer.params());
      run.dispose();
      expect(Object.keys(exported.tensors).sort()).toEqual(Object.keys(inNode).sort());
      for (const [name, tensor] of Object.entries(inNode)) {
        const values = floatValues(exported.tensors[name]!);
        const expected = floatValues(tensor);
        const difference = values.reduce(
          (most, value, at) => Math.max(most, Math.abs(value - expected[at]!)),
          0,
        );
        expect(difference, name).toBeLessThan(1e-4);
      }
      // The file says what it is of, heads and image size included.
      const model = await readModel(
        await openWeights(bytesSource(encodeSafetensors(exported.tensors, exported.metadata))),
      );
      expect(model.architecture).toMatchObject({
        kind: 'autoencoder',
        imageSize: [28, 28],
        heads: 4,
        normPix: false,
      });
      expect(
        Object.keys(encoder.tensors).some((name) => name.startsWith('decoder') || name === 'mask_token'),
      ).toBe(false);

      writeFileSync(
        join(folder, 'from-page.safetensors'),
        encodeSafetensors(exported.tensors, exported.metadata),
      );
      const said = await maehem('info', 'from-page.safetensors');
      expect(said).toMatch(/image +28/);
      mkdirSync(join(folder, 'blank'));
      writeFileSync(join(folder, 'blank', '0.png'), encodePng(filled(28, 28, [200, 200, 200])));
      await maehem(
        ...['reconstruct', 'from-page.safetensors', 'blank', '--backend', 'wasm', '--normalise', 'mnist'],
        ...['--out', 'from-page.png'],
      );
      expect(readFileSync(join(folder, 'from-page.png')).subarray(1, 4).toString()).toBe('PNG');
    }),
  );

  it('starts from weights that the maehem command trained', { timeout: 300_000 }, () =>
    withPage({}, async ({ page }) => {
      const pictures = join(folder, 'grey');
      mkdirSync(pictures);
      for (let at = 0; at < 8; at++)
        writeFileSync(join(pictures, `${at}.png`), encodePng(filled(28, 28, [30 * at, 30 * at, 30 * at])));
      await maehem(
        ...['pretrain', 'grey', '--model', 'tiny', '--batch', '8', '--epochs', '1', '--backend', 'wasm'],
        ...['--out', 'run'],
      );
      const file = join(folder, 'run', 'checkpoints', 'step-00000001', 'model.safetensors');
      await page.locator('#tab-keep').click();
      await page.locator('#pick-weights').setInputFiles(file);
      await page.locator('.notice').filter({ hasText: 'tensors from model.safetensors' }).waitFor();
      const trained = decodeSafetensors(readFileSync(file));
      const back = decodeSafetensors(await exportOf(page, 'Export the model'));
      for (const [name, tensor] of Object.entries(trained.tensors))
        expect(floatValues(back.tensors[name]!), name).toEqual(floatValues(tensor));

      const broken = join(folder, 'broken.safetensors');
      writeFileSync(broken, 'no weights');
      await page.locator('#pick-weights').setInputFiles(broken);
      await page.getByRole('alert').filter({ hasText: 'broken.safetensors' }).waitFor();
    }),
  );
}

/** What a person downloads by a button of “Keep”. */
async function exportOf(page: Page, button: string): Promise<Uint8Array> {
  await page.locator('#tab-keep').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  return readFileSync(await download.path());
}
