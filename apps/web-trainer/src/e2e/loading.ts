import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { BrowserContext } from 'playwright-core';
import { expect, it } from 'vitest';
import { type Suite, trainTo } from './site.js';

/**
 * What a first visit may fetch until a model is ready to train: requests, and bytes, gzipped where that helps. No
 * figure here depends on how fast a machine is.
 */
const BUDGET = {
  requests: 22,
  /** All JavaScript, workers' included. */
  javascript: 350_000,
  /** Of it what the page's own thread runs. */
  pageJavascript: 120_000,
  /** With styles, fonts, the engine's binary; the digits come on top. */
  everything: 600_000,
  digits: 2_500_000,
} as const;
/** Of Core Web Vitals: what counts as good. */
const LAYOUT_SHIFT = 0.1;

/** What the browser saw of a load; times are left out. */
interface Load {
  readonly largest: string | undefined;
  readonly shift: number;
  readonly blocking: readonly string[];
}

/** The first visit, and later ones without a network. */
export function loadingTests({ withPage }: Suite): void {
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

  it('fetches little before a model is ready to train', { timeout: 300_000 }, () =>
    withPage({ blockServiceWorker: true }, async ({ page, context }) => {
      const files = await fetchedBy(context, async () => {
        await page.reload();
        await page.locator('.mosaic').waitFor();
      });
      const sizes = files.map((path) => [path, sizeOf(path)] as const);
      const total = (chosen: (path: string) => boolean): number =>
        sizes.reduce((sum, [path, size]) => sum + (chosen(path) ? size : 0), 0);
      const listed = sizes.map(([path, size]) => `${path} ${size}`).join('\n');
      const isDigits = (path: string): boolean => path.startsWith('/data/');
      // The page's own scripts; a worker's are in the worker's list.
      const ofPage = await page.evaluate(() =>
        performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
      );
      const isOfPage = (path: string): boolean =>
        path.endsWith('.js') && !path.includes('worker') && ofPage.includes(path);
      expect(files.length, listed).toBeLessThanOrEqual(BUDGET.requests);
      expect(
        total((path) => path.endsWith('.js')),
        listed,
      ).toBeLessThan(BUDGET.javascript);
      expect(total(isOfPage), listed).toBeGreaterThan(0);
      expect(total(isOfPage), listed).toBeLessThan(BUDGET.pageJavascript);
      expect(
        total((path) => !isDigits(path)),
        listed,
      ).toBeLessThan(BUDGET.everything);
      expect(total(isDigits), listed).toBeLessThan(BUDGET.digits);
    }),
  );

  it('shows what it is before its worker has come, and then nothing jumps', { timeout: 300_000 }, () =>
    withPage({ blockServiceWorker: true }, async ({ page, context }) => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await context.route(/\/assets\/worker-/, async (route) => {
        await held;
        await route.continue();
      });
      await page.addInitScript(watchLoad);
      await page.reload();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForFunction('load.largest !== undefined');
      const early = await page.evaluate<Load>('load');
      expect(early.largest).toMatch(/^(H1|P)$/);
      expect(early.blocking.filter((name) => name.endsWith('.js'))).toEqual([]);
      expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(true);
      release();
      await page.locator('.mosaic').waitFor();
      await page.locator('#play-share', { hasText: '%' }).waitFor();
      expect((await page.evaluate<Load>('load')).shift).toBeLessThan(LAYOUT_SHIFT);
    }),
  );
}

/** What a browser asks a server for, once each: threads find the trainer's module in the cache. */
async function fetchedBy(context: BrowserContext, doing: () => Promise<void>): Promise<string[]> {
  const paths = new Set<string>();
  context.on('request', (request) => paths.add(new URL(request.url()).pathname));
  await doing();
  return [...paths];
}

/** Bytes of a file of the site, as a server sends it that compresses what is not compressed already. */
function sizeOf(path: string): number {
  const file = path === '/' ? '/index.html' : path;
  const content = readFileSync(new URL(`../../dist/site${file}`, import.meta.url));
  return /\.(js|css|html|wasm|svg|webmanifest)$/.test(file) ? gzipSync(content).length : content.length;
}

/** Runs in the page before anything else of it. */
function watchLoad(): void {
  const load = { largest: undefined as string | undefined, shift: 0, blocking: [] as string[] };
  Object.assign(globalThis, { load });
  const observe = (type: string, take: (entry: PerformanceEntry) => void): void =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  observe('largest-contentful-paint', (entry) => {
    load.largest = (entry as unknown as { element: Element | null }).element?.tagName;
  });
  observe('layout-shift', (entry) => {
    load.shift += (entry as unknown as { value: number }).value;
  });
  observe('resource', (entry) => {
    const { renderBlockingStatus, name } = entry as PerformanceResourceTiming & {
      renderBlockingStatus: string;
    };
    if (renderBlockingStatus === 'blocking') load.blocking.push(name);
  });
}
