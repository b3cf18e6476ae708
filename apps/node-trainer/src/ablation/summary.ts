/** Several repetitions in three numbers. */
export interface Summary {
  readonly count: number;
  /** NaN of nothing. */
  readonly mean: number;
  /** Of the sample (n - 1); 0 of one. */
  readonly deviation: number;
}

/** Mean and deviation. */
export function summarise(values: readonly number[]): Summary {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: count < 2 ? 0 : Math.sqrt(squares / (count - 1)) };
}
