// node apps/web-trainer/learning.mjs [seconds] [settings]: what the page has learned after so long, in headless Chromium on
// wasm: the figures of docs/browser.md, and the live pictures before and after. Settings as in an address: threads=1. Needs a
// built site, `tsc -b apps/web-trainer`, and Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './dist/e2e/browser.js';
import { learned } from './dist/e2e/learning.js';
import { readout } from './dist/e2e/site.js';
import { serveSite } from './dist/serve/index.js';

const seconds = Number(process.argv[2] ?? 120);
const settings = process.argv[3] ?? 'threads=1';
const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const profile = mkdtempSync(join(tmpdir(), 'maehem-learning-'));
const site = await serveSite();
const context = await openBrowser(profile, { width: 1440, height: 1000 });
const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(120_000);
await page.goto(`${site.url}#${settings}`);
await page.locator('.mosaic').waitFor();

/** @param {string} when */
async function tell(when) {
  const { guess, mean } = await learned(page, 100);
  const step = await readout(page, 'step');
  const loss = await page.locator('#readout-loss').textContent();
  console.log(
    `${when}: step ${step}, loss ${loss}; hidden pixels, mean squared error ${guess.toFixed(4)}, ${mean.toFixed(4)} from the mean picture`,
  );
  await page.locator('.stage').screenshot({ path: join(images, `web-learning-${when}.png`) });
}

await tell('start');
await page.getByRole('button', { name: 'Start' }).click();
const started = Date.now();
const elapsed = () => (Date.now() - started) / 1000;
const finished = page.getByRole('button', { name: 'Finished' });
while (elapsed() < seconds && !(await finished.isVisible())) {
  await page.waitForTimeout(Math.min(5000, 1000 * (seconds - elapsed())));
  console.log(`${elapsed().toFixed(0)} s: step ${await readout(page, 'step')}`);
}
const pause = page.getByRole('button', { name: 'Pause' });
if (await pause.isVisible()) await pause.click();
await page.getByRole('button', { name: /Go on|Finished/ }).waitFor();
await tell('end');
await context.close();
await site.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
