import type { Precision, XlaScope } from '../provider.js';

/** How this engine runs, as chosen when it was opened. */
export const settings: {
  /** What the inputs of matrix products are rounded to. */
  precision: Precision;
  /** What of a captured step is compiled with XLA. */
  xla: XlaScope;
} = { precision: 'float32', xla: 'parts' };
