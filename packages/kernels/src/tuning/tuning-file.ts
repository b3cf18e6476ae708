import type { GpuEngine } from '@maehem/backend';
import { kernelsVersion } from './kernels-version.js';
import { adapterKey, type Measured, type Tuning } from './tuning.js';

/** What a kept tuning begins with. A change to its form gets another number. */
const FORMAT = 'maehem-tuning-1';

/** A tuning of this adapter and these kernels that holds nothing yet. */
export function emptyTuning(gpu: GpuEngine): Tuning {
  return { adapter: adapterKey(gpu), kernels: kernelsVersion(), measured: {} };
}

/** A tuning as JSON, for a file or a page's storage. */
export function tuningText(tuning: Tuning): string {
  return `${JSON.stringify({ format: FORMAT, ...tuning }, null, 1)}\n`;
}

/**
 * A tuning that was kept as JSON, or a sentence on why it is of no use here. That is never an error: a run without a
 * tuning is right, and tuning again replaces whatever is there.
 * @param source where the text is from, for the sentence
 */
export function tuningFrom(text: string, gpu: GpuEngine, source: string): Tuning | string {
  const kept = parsed(text);
  if (kept === undefined) return `${source} is not JSON`;
  if (!isTuning(kept)) return `${source} is not a tuning of this version`;
  const { adapter, kernels, measured } = kept;
  if (adapter !== adapterKey(gpu))
    return `${source} was measured on '${adapter}', and this is '${adapterKey(gpu)}'`;
  if (kernels !== kernelsVersion()) return `${source} was measured before the kernels changed`;
  return { adapter, kernels, measured };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? null;
  } catch {
    return undefined;
  }
}

function isTuning(kept: unknown): kept is Tuning {
  const { format, adapter, kernels, measured } = (kept ?? {}) as Partial<Tuning> & { format?: unknown };
  return (
    format === FORMAT &&
    typeof adapter === 'string' &&
    typeof kernels === 'string' &&
    typeof measured === 'object' &&
    measured !== null &&
    Object.values(measured).every(isMeasured)
  );
}

function isMeasured(value: unknown): value is Measured {
  const { choice, ms, usualMs, at } = (value ?? {}) as Partial<Measured>;
  return (
    typeof choice === 'object' &&
    choice !== null &&
    typeof ms === 'number' &&
    typeof usualMs === 'number' &&
    typeof at === 'string'
  );
}
