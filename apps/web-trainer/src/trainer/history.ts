/** What a run's chart shows: one entry a step, or a few steps where a run is long. */
export interface History {
  readonly steps: number[];
  readonly loss: number[];
  readonly lr: number[];
  /** Steps that one entry stands for. */
  stride: number;
}

/** Entries above which every two become one: what a chart can show. */
const MOST = 4096;

export function emptyHistory(): History {
  return { steps: [], loss: [], lr: [], stride: 1 };
}

/** Note a step. Long runs are thinned out: neighbours are averaged, and `stride` doubles. */
export function note(history: History, { step, loss, lr }: { step: number; loss: number; lr: number }): void {
  if (step % history.stride !== 0) return;
  history.steps.push(step);
  history.loss.push(loss);
  history.lr.push(lr);
  if (history.steps.length < MOST) return;
  halve(history.loss, (a, b) => (a + b) / 2);
  halve(history.lr, (_a, b) => b);
  halve(history.steps, (_a, b) => b);
  history.stride *= 2;
}

function halve(values: number[], merge: (a: number, b: number) => number): void {
  for (let at = 0; at < values.length / 2; at++) values[at] = merge(values[2 * at]!, values[2 * at + 1]!);
  values.length = Math.floor(values.length / 2);
}
