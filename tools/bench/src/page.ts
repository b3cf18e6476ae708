import { fileURLToPath } from 'node:url';
import { inPage, pageUnavailable } from '@maehem/testing/page';
import type { PeerProcess, StepResult } from './peer-process.js';
import { parsePeer } from './peers.js';
import { benchStep, type StepOptions, type StepReport } from './step.js';

/** The compiler bundles no pages: their sources lie beside `dist`. */
const source = (name: string): string => fileURLToPath(new URL(`../src/page/${name}`, import.meta.url));
const MODULES = { page: source('peer.page.ts'), thread: source('thread.page.ts') };

type Page = Parameters<Parameters<typeof inPage>[1]>[0];

/**
 * Pretraining steps of peers in one headless Chromium, each in a page of its own, interleaved.
 * @throws when there is no Chromium.
 */
export async function benchPage(options: StepOptions): Promise<StepReport> {
  const refusal = pageUnavailable();
  if (refusal !== undefined) throw new Error(refusal);
  return inPage({ modules: MODULES, isolated: true, webgpu: true }, (first) =>
    benchStep(options, (name) => pagePeer(first, name)),
  );
}

/** A peer in a page beside the first one, at the same address. */
function pagePeer(first: Page, text: string): PeerProcess {
  const peer = parsePeer(text);
  let page: Page | undefined;
  return {
    name: text,
    init: async ({ config, batch, seed }, engine) => {
      const context = await first.context().browser()!.newContext();
      page = await context.newPage();
      await page.goto(first.url(), { timeout: 120_000 });
      await page.evaluate(`initPeer(${JSON.stringify({ ...peer, config, batch, seed, engine })})`);
    },
    step: () => page!.evaluate<StepResult>('stepPeer()'),
    stop: () => void page?.context().close(),
  };
}
