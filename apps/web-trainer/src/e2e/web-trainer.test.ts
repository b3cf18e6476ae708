import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openBackend } from '@maehem/backend';
import { initMae, type Mae } from '@maehem/mae';
import { fold, seed } from '@maehem/random';
import { modelConfig, parseSettings, pretrainConfig } from '@maehem/settings';
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
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSource } from '../data/pictures.js';
import type { DataSource } from '../data/source.js';
import type { SiteServer } from '../serve/serve-site.js';
import { recipe } from '../ui/recipes.js';
import { browserMissing } from './browser.js';
import { builtSite, pauseRun, readout, trainTo, type Visit, visit } from './site.js';

/** Where CI promises a software GPU it promises Chromium, which brings it: then its absence fails. */
const promised = (process.env['MAEHEM_PROMISED_BACKENDS'] ?? '').includes('webgpu');
const missing = promised ? undefined : browserMissing();
/** Kilobytes of JavaScript, gzipped, from a first visit to a model that is ready to train. */
const JAVASCRIPT_BUDGET = 350_000;

const DIGITS: DataSource = { kind: 'mnist', count: 10_000 };
/** Small enough for software GPUs. */
const TINIEST = 'model.dim=16&model.depth=1&model.heads=2&model.patchSize=7&batch=4&epochs=0.02';

let site: SiteServer;
const folder = mkdtempSync(join(tmpdir(), 'maehem-e2e-'));

describe.skipIf(missing !== undefined)(
  `the page${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    beforeAll(async () => {
      site = await builtSite();
    }, 180_000);
    afterAll(async () => {
      await site?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    async function withPage(
      options: Parameters<typeof visit>[1],
      use: (opened: Visit) => Promise<void>,
    ): Promise<void> {
      const opened = await visit(site.url, options);
      try {
        await use(opened);
      } finally {
        await opened.close();
      }
    }

    it('trains, the loss falls, and a reload goes on at the same step', { timeout: 300_000 }, () =>
      withPage({}, async ({ page, faults }) => {
        await page.getByRole('button', { name: 'Step', exact: true }).click();
        await page.waitForFunction(() => document.querySelector('#readout-loss')?.textContent !== '–');
        const first = await readout(page, 'loss');
        await trainTo(page, 20);
        const step = await pauseRun(page);
        expect(step).toBeGreaterThanOrEqual(20);
        expect(await readout(page, 'loss')).toBeLessThan(0.7 * first);

        await page.reload();
        await page.getByRole('button', { name: 'Go on' }).waitFor();
        expect(await readout(page, 'step')).toBe(step);
        await trainTo(page, step + 1);
        expect(await pauseRun(page)).toBeGreaterThan(step);
        expect(faults).toEqual([]);
      }),
    );

    it('goes on from the last kept step after its process was killed', { timeout: 300_000 }, () =>
      withPage({}, async ({ page, context }) => {
        await trainTo(page, 5);
        const step = await pauseRun(page);
        await trainTo(page, step + 3);
        const session = await context.newCDPSession(page);
        await Promise.race([session.send('Page.crash').catch(() => {}), page.waitForEvent('crash')]);
        const again = await context.newPage();
        await again.goto(site.url);
        await again.getByRole('button', { name: 'Go on' }).waitFor();
        expect(await readout(again, 'step')).toBe(step);
      }),
    );

    it('computes what Node computes, and each reads the weights of the other', { timeout: 300_000 }, () =>
      withPage({ settings: 'epochs=0.064&optimizer.warmupEpochs=0.01' }, async ({ page }) => {
        const settings = parseSettings({
          ...recipe(DIGITS),
          ...{ data: 'MNIST, 10,000 digits', epochs: 0.064 },
          optimizer: { ...(recipe(DIGITS)['optimizer'] as object), warmupEpochs: 0.01 },
        });
        await page.getByRole('button', { name: 'Start' }).click();
        await page.getByRole('button', { name: 'Finished' }).waitFor();
        const exported = decodeSafetensors(await exportOf(page, 'Export the model'));
        const encoder = decodeSafetensors(await exportOf(page, 'Export the encoder'));

        await openBackend('wasm');
        const pictures = await openSource(site.url, DIGITS, settings);
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
          normPix: true,
        });
        expect(
          Object.keys(encoder.tensors).some((name) => name.startsWith('decoder') || name === 'mask_token'),
        ).toBe(false);

        const fresh: Mae = initMae(fold(seed(7), 'elsewhere'), modelConfig({ preset: 'tiny' }));
        const file = join(folder, 'from-node.safetensors');
        writeFileSync(file, encodeSafetensors(await downloadTree(fresh), { format: 'pt' }));
        await page.locator('#pick-weights').setInputFiles(file);
        await page.locator('.notice').filter({ hasText: 'tensors from from-node.safetensors' }).waitFor();
        await page.locator('#tab-keep').click();
        const back = decodeSafetensors(await exportOf(page, 'Export the model'));
        expect(floatValues(back.tensors['cls_token']!)).toEqual(
          floatValues((await downloadTree(fresh))['cls_token']!),
        );
      }),
    );

    it(
      'takes a folder of 2,000 pictures, says what it left out, and trains on them',
      { timeout: 300_000 },
      () =>
        withPage({}, async ({ page, faults }) => {
          const pictures = join(folder, 'pictures');
          for (const colour of ['red', 'blue']) {
            mkdirSync(join(pictures, colour), { recursive: true });
            for (let at = 0; at < 1000; at++)
              writeFileSync(
                join(pictures, colour, `${at}.png`),
                encodePng(filled(12, 12, colour === 'red' ? [200, at % 256, 0] : [0, at % 256, 200])),
              );
          }
          writeFileSync(join(pictures, 'red', 'broken.png'), Buffer.from('\x89PNG and then nothing'));
          writeFileSync(join(pictures, 'notes.txt'), 'not a picture');
          await page.locator('#tab-data').click();
          await page.locator('#pick-folder').setInputFiles(pictures);
          await page.locator('#brought', { hasText: '2,000 pictures kept' }).waitFor();
          await page.locator('#brought', { hasText: '2 classes; 2 left out' }).waitFor();
          await page.getByText('What was left out, and why').click();
          const left = await page.locator('details li').allInnerTexts();
          expect(left.join('\n')).toMatch(
            /red\/broken\.png: not a picture that this browser can read, or broken/,
          );
          expect(left.join('\n')).toMatch(/notes\.txt: not a picture/);
          await page.getByRole('button', { name: 'Open a run on these' }).click();
          await page.locator('.mosaic').waitFor();
          await trainTo(page, 3);
          await pauseRun(page);
          expect(faults).toEqual([]);
        }),
    );

    it('reads archives and MNIST files, and refuses broken ones by name', { timeout: 300_000 }, () =>
      withPage({}, async ({ page }) => {
        const broken = join(folder, 'broken.zip');
        writeFileSync(broken, 'PK but no zip');
        const tar = join(folder, 'few.tar');
        const { packTar } = await import('modern-tar');
        const png = encodePng(filled(8, 8, [1, 2, 3]));
        writeFileSync(
          tar,
          await packTar(
            Array.from({ length: 3 }, (_, at) => ({
              header: { name: `a/${at}.png`, size: png.length },
              body: png,
            })),
          ),
        );
        const idx = join(folder, 'tiny-images-idx3-ubyte');
        writeFileSync(
          idx,
          Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4, ...Array(32).fill(9)]),
        );
        const labels = join(folder, 'tiny-labels-idx1-ubyte');
        writeFileSync(labels, Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 3, 5]));
        await page.locator('#tab-data').click();
        await page.locator('#pick-files').setInputFiles([broken, tar, idx, labels]);
        await page.locator('#brought', { hasText: '5 pictures kept' }).waitFor();
        await page.getByText('What was left out, and why').click();
        expect(await page.locator('details li').allInnerTexts()).toEqual([
          expect.stringMatching(/^broken\.zip: broken archive/),
        ]);
      }),
    );

    it('does not open a run that another tab has open', { timeout: 300_000 }, () =>
      withPage({}, async ({ page, context }) => {
        await trainTo(page, 2);
        await pauseRun(page);
        const other = await context.newPage();
        await other.goto(site.url);
        await other.getByRole('alert').filter({ hasText: 'open in another tab' }).waitFor();
        await other.locator('.mosaic').waitFor();
        expect(await readout(other, 'step')).toBe(0);
      }),
    );

    it('says that the device is gone, and goes on from the last kept step', { timeout: 300_000 }, () =>
      withPage({}, async ({ page }) => {
        await trainTo(page, 3);
        const step = await pauseRun(page);
        await page.evaluate('maehem.trainer().loseDevice()');
        await page.getByRole('alert').filter({ hasText: 'The GPU went away' }).waitFor();
        await page.getByRole('button', { name: `Go on from step ${step}` }).click();
        await page.getByRole('button', { name: 'Pause' }).waitFor();
        await page.waitForFunction(
          (kept) => Number(document.querySelector('#readout-step')!.textContent) > kept,
          step,
          { timeout: 300_000 },
        );
      }),
    );

    it('shows what the model makes of a picture, and how', { timeout: 300_000 }, () =>
      withPage({}, async ({ page, faults }) => {
        const share = page.locator('#play-share');
        await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '76 %');
        const patch = page.locator('.patches [aria-pressed="true"]').first();
        await patch.press('Space');
        await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '73 %');
        await page.locator('#play-ratio').fill('0.5');
        await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '51 %');
        expect(await share.textContent()).toBe('51 %');
        for (const [ask, shown] of [
          ['attention', '.heat'],
          ['pca', '.pairs'],
          ['neighbours', 'text=Nearest of'],
          ['probe', '#probe'],
        ]) {
          await page.locator(`#ask-${ask}`).click();
          await page.locator(shown!).first().waitFor();
        }
        expect(faults).toEqual([]);
      }),
    );

    it('has no serious accessibility fault in any of its parts, light and dark', { timeout: 300_000 }, () =>
      withPage({}, async ({ page }) => {
        await trainTo(page, 2);
        await pauseRun(page);
        await page.locator('#ask-attention').click();
        await page.locator('.heat').first().waitFor();
        await page.evaluate(axe.source);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          for (const tab of ['look', 'data', 'settings', 'keep']) {
            await page.locator(`#tab-${tab}`).click();
            expect(await seriousFaults(page), `${tab}, ${colorScheme}`).toEqual([]);
          }
        }
      }),
    );

    it(
      'tells what settings cost, refuses those that do not hold, and shares them by link',
      { timeout: 300_000 },
      () =>
        withPage({ settings: 'mask.ratio=0.5&model.decoderDepth=2' }, async ({ page }) => {
          await page.locator('#tab-settings').click();
          expect(await page.locator('#set-mask\\.ratio').inputValue()).toBe('0.5');
          expect(await page.locator('.costs').first().textContent()).toMatch(/Parameters\s*149 k/);
          await page.locator('#set-model\\.patchSize').fill('5');
          await page.locator('#set-model\\.patchSize').blur();
          await page.locator('.bad', { hasText: 'does not divide into patches of 5x5' }).waitFor();
          await page.locator('#set-model\\.patchSize').fill('2');
          await page.locator('#set-batch').fill('4096');
          await page.locator('#set-batch').blur();
          await page.locator('.bad', { hasText: 'tabs are often stopped above' }).waitFor();
          await page.getByRole('button', { name: 'Share by link' }).click();
          expect(await page.locator('#share-url').inputValue()).toBe(
            `${site.url}#mask.ratio=0.5&model.decoderDepth=2&model.patchSize=2&batch=4096`,
          );
        }),
    );

    it('works offline after the first visit', { timeout: 300_000 }, () =>
      withPage({}, async ({ page, context }) => {
        await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
          timeout: 300_000,
        });
        await context.setOffline(true);
        await page.reload();
        await page.locator('.mosaic').waitFor();
        await trainTo(page, 1);
      }),
    );

    it('keeps its first JavaScript small', { timeout: 300_000 }, async () => {
      const fetched = new Set<string>();
      await withPage({ blockServiceWorker: true }, async ({ page, context }) => {
        context.on('request', (request) => fetched.add(new URL(request.url()).pathname));
        await page.reload();
        await page.locator('.mosaic').waitFor();
      });
      const scripts = [...fetched].filter((path) => path.endsWith('.js') && !path.endsWith('sw.js'));
      const bytes = scripts.map(
        (path) => gzipSync(readFileSync(new URL(`../../dist/site${path}`, import.meta.url))).length,
      );
      const total = bytes.reduce((sum, size) => sum + size, 0);
      expect(scripts.length).toBeGreaterThan(2);
      expect(total, scripts.map((path, at) => `${path} ${bytes[at]}`).join('\n')).toBeLessThan(
        JAVASCRIPT_BUDGET,
      );
    });

    it('trains on WebGPU where there is one, and survives its loss', { timeout: 300_000 }, () =>
      withPage({ gpu: true, settings: TINIEST }, async ({ page }) => {
        await page.locator('#engine').selectOption('webgpu');
        await page.locator('.about', { hasText: 'WebGPU on' }).waitFor();
        await page.locator('.mosaic').waitFor();
        await page.getByRole('button', { name: 'Step', exact: true }).click();
        await page.waitForFunction(
          () => document.querySelector('#readout-step')?.textContent === '1',
          undefined,
          {
            timeout: 300_000,
          },
        );
        expect(await readout(page, 'loss')).toBeGreaterThan(0.5);
        await page.getByRole('button', { name: 'Go on' }).waitFor();
        await page.evaluate('maehem.trainer().loseDevice()');
        await page.getByRole('button', { name: 'Step', exact: true }).click();
        await page.getByRole('alert').filter({ hasText: 'The GPU went away' }).waitFor();
        await page.getByRole('button', { name: 'Go on with wasm' }).click();
        await page.locator('.about', { hasText: 'WebAssembly' }).waitFor();
      }),
    );
  },
);

/** What a person downloads by a button of “Keep”. */
async function exportOf(page: Page, button: string): Promise<Uint8Array> {
  await page.locator('#tab-keep').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  return readFileSync(await download.path());
}

async function seriousFaults(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      }
    ).axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}
