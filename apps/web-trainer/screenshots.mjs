// node apps/web-trainer/screenshots.mjs [steps of training]: the pictures of docs/browser.md, at three widths. Needs a built
// site, `tsc -b apps/web-trainer`, and Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './dist/e2e/browser.js';
import { trainTo } from './dist/e2e/site.js';
import { serveSite } from './dist/serve/index.js';

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const steps = Number(process.argv[2] ?? 2500);
const profile = mkdtempSync(join(tmpdir(), 'maehem-shots-'));
const site = await serveSite();
const context = await openBrowser(profile, { width: 1440, height: 1000 });
const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(120_000);
await page.goto(site.url);
await page.locator('.mosaic').waitFor();
await trainTo(page, steps);
await page.getByRole('button', { name: 'Pause' }).click();
await page.getByRole('button', { name: 'Go on' }).waitFor();
for (const ask of ['attention', 'pca', 'neighbours']) {
  await page.locator(`#ask-${ask}[aria-busy="false"]:enabled`).click();
  await page.locator(`#ask-${ask}[aria-busy="false"]:enabled`).waitFor();
}
for (const [width, colorScheme] of /** @type {const} */ ([
  [1440, 'light'],
  [820, 'dark'],
  [390, 'light'],
])) {
  await page.setViewportSize({ width, height: 1000 });
  await page.emulateMedia({ colorScheme });
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(images, `web-${width}.png`), fullPage: true });
}
await context.close();
await site.close();
rmSync(profile, { recursive: true, force: true });
