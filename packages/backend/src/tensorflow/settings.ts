/** How this engine runs, as chosen when it was opened. */
export const settings: {
  /** Are the inputs of matrix products rounded to bfloat16? */
  bfloat16: boolean;
  /** Are captured steps compiled with XLA? */
  xla: boolean;
} = { bfloat16: false, xla: false };
