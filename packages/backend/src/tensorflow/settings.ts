import type { Precision } from '../provider.js';

/** How this engine runs, as chosen when it was opened. */
export const settings: {
  /** What the inputs of matrix products are rounded to. */
  precision: Precision;
  /** Are captured steps compiled with XLA? */
  xla: boolean;
} = { precision: 'float32', xla: false };
