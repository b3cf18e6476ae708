import type { BackendName, Capabilities, MemoryReport } from '@maehem/backend';
import type { Verdict } from './golden.js';
import type { measureMemory, measureProducts, measureTraining } from './speed.js';

type Measured<F extends (gflops: number) => Promise<unknown>> = Awaited<ReturnType<F>>;

/** What is found out about an engine, part by part; what could not be is absent. */
export interface Findings {
  /** Why it does not open, and what to do about it. */
  readonly unavailable?: string;
  readonly description?: string;
  /** What else the engine says of itself: features and limits. */
  readonly details?: Readonly<Record<string, string>>;
  readonly capabilities?: Capabilities;
  readonly openSeconds?: number;
  readonly verdict?: Verdict;
  readonly products?: Measured<typeof measureProducts>;
  readonly bandwidth?: Measured<typeof measureMemory>;
  readonly training?: Measured<typeof measureTraining>;
  readonly memory?: MemoryReport;
}

/** What an examining process tells: what it begins to do, what it found. */
export type ExaminationMessage = { readonly stage: string } | { readonly findings: Findings };

/** `absent` does not open; `failed` ended or hung before it could be judged. */
export type State = 'right' | 'wrong' | 'failed' | 'absent';

/** An engine's examination. */
export interface Examination extends Findings {
  readonly backend: BackendName;
  readonly state: State;
  /** What stopped the examination: a crash, an error or the time limit, and while doing what. */
  readonly failure?: string;
}
