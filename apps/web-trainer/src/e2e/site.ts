import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import { type SiteServer, serveSite } from '../serve/serve-site.js';
import { openBrowser } from './browser.js';

/** Milliseconds: another test may be using the same two cores. */
const PATIENCE = 120_000;

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Build the site as it is published, and serve it with its headers. */
export async function builtSite(): Promise<SiteServer> {
  // In a process of its own: a test's loader and NODE_ENV are not those of a build.
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js');
  const { NODE_ENV: _, NODE_OPTIONS: __, VITEST: ___, ...env } = process.env;
  await promisify(execFile)(process.execPath, [vite, 'build', '--logLevel', 'error'], { cwd: ROOT, env });
  return serveSite();
}

/** A page of the site, and what went wrong on it without a word. */
export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors on the console, requests to other origins. */
  readonly faults: string[];
  readonly profile: string;
  close(): Promise<void>;
}

/** What the tests of the page share: the built site, a folder for files, and pages that are closed again. */
export interface Suite {
  readonly site: () => SiteServer;
  readonly folder: string;
  readonly withPage: (
    options: Parameters<typeof visit>[1],
    use: (opened: Visit) => Promise<void>,
  ) => Promise<void>;
}

/** Open the site in a browser. @param profile of an earlier visit, whose kept files are found again */
export async function visit(
  url: string,
  options: Parameters<typeof openBrowser>[1] & { readonly profile?: string; readonly settings?: string } = {},
): Promise<Visit> {
  const profile = options.profile ?? mkdtempSync(join(tmpdir(), 'maehem-page-'));
  const context = await openBrowser(profile, options);
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  page.setDefaultNavigationTimeout(PATIENCE);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(`${error.stack ?? error.message}`));
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin) faults.push(`asked ${request.url()}`);
  });
  await page.goto(`${url}${options.settings === undefined ? '' : `#${options.settings}`}`);
  await page.locator('.mosaic').waitFor();
  return {
    ...{ context, page, faults, profile },
    close: async () => {
      await context.close();
      if (options.profile === undefined) rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** The number in one of the readouts. */
export async function readout(page: Page, name: 'step' | 'loss'): Promise<number> {
  return Number((await page.locator(`#readout-${name}`).textContent())!.replaceAll(',', ''));
}

/** Train until a step is done. */
export async function trainTo(page: Page, step: number): Promise<void> {
  await page.getByRole('button', { name: /^(Start|Go on)$/ }).click();
  await page.waitForFunction(
    (wanted) => Number(document.querySelector('#readout-step')!.textContent!.replaceAll(',', '')) >= wanted,
    step,
    { polling: 50, timeout: 2 * PATIENCE },
  );
}

/** Pause, and wait until the run is kept. @returns the step */
export async function pauseRun(page: Page): Promise<number> {
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: /^(Go on|Finished)$/ }).waitFor();
  return readout(page, 'step');
}
