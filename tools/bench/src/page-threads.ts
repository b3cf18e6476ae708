import { fileURLToPath } from 'node:url';
import { inPage, pageUnavailable } from '@maehem/testing/page';
import { describeMachine, type Machine } from './machine.js';
import { median } from './step.js';

/** How a page trains: our threads, and whether tfjs takes its own build with threads. */
export interface PageVariant {
  readonly threads: number;
  readonly tfjsThreads: boolean;
}

/** What is trained. */
export interface PageWork {
  readonly preset: 'small' | 'cifar';
  readonly batch: number;
  readonly steps: number;
}

export interface PageThreadReport extends PageWork {
  readonly machine: Machine;
  readonly rows: readonly (PageVariant & { readonly medianMs: number; readonly bestMs: number })[];
}

/** The compiler bundles no pages: their sources lie beside `dist`. */
const source = (name: string): string => fileURLToPath(new URL(`../src/page/${name}`, import.meta.url));
const MODULES = { page: source('step.page.ts'), thread: source('thread.page.ts') };

/** In turns, so that each sees the same neighbours. */
const ROUNDS = 3;

/**
 * Training steps on wasm in a cross-origin isolated page of headless Chromium: one thread and several, on tfjs's
 * build without threads and on the one with them.
 * @throws when there is no Chromium.
 */
export async function benchPageThreads(
  threads: number,
  work: PageWork,
  log: (line: string) => void,
): Promise<PageThreadReport> {
  const refusal = pageUnavailable();
  if (refusal !== undefined) throw new Error(refusal);
  const variants: PageVariant[] = [
    { threads: 1, tfjsThreads: false },
    { threads: 1, tfjsThreads: true },
    { threads, tfjsThreads: false },
    { threads, tfjsThreads: true },
  ];
  const times = variants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, variant] of variants.entries()) {
      const steps = await timeSteps(variant, work);
      times[index]!.push(...steps);
      log(`${variantName(variant)}: ${median(steps).toFixed(1)} ms`);
    }
  const rows = variants.map((variant, index) => {
    return { ...variant, medianMs: median(times[index]!), bestMs: Math.min(...times[index]!) };
  });
  return { ...work, machine: describeMachine(), rows };
}

/** A page of its own for each: tfjs chooses its build once. */
function timeSteps(variant: PageVariant, work: PageWork): Promise<number[]> {
  // tfjs reads flags from a page's address, and a worker's.
  const query = `?tfjsflags=WASM_HAS_MULTITHREAD_SUPPORT:${variant.tfjsThreads}`;
  return inPage({ modules: MODULES, isolated: true, query }, (page) =>
    page.evaluate<number[]>(`time(${JSON.stringify(variant)}, ${JSON.stringify(work)})`),
  );
}

export function variantName({ threads, tfjsThreads }: PageVariant): string {
  return `${threads} thread${threads === 1 ? '' : 's'}, tfjs ${tfjsThreads ? 'with' : 'without'} its own`;
}
