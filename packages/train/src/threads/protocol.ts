import type { BackendName, OpenOptions } from '@maehem/backend';
import type { GradientTask } from '../pretrain-task.js';
import type { BatchPart, HostValues } from './batch-part.js';
import type { ParameterLayout } from './shared-parameters.js';

/** The first message to a thread: what it works on. */
export interface ThreadStart {
  readonly backend: BackendName;
  readonly open: OpenOptions;
  readonly task: GradientTask;
  readonly capture: boolean;
  readonly layout: ParameterLayout;
  /** Parameters that do not train. */
  readonly frozen: readonly HostValues[];
  /** Read by the thread when a step begins. */
  readonly weights: Float32Array;
  /** Written by the thread before it replies. */
  readonly gradients: Float32Array;
}

/** Every further message: one step's work, a part of each accumulated batch. */
export type ThreadRequest = readonly BatchPart[];

/** The losses of a step's parts, or why the thread is at its end. */
export type ThreadReply = { readonly losses: readonly number[] } | { readonly error: string };
