/** Steps before the loss is watched for explosions: the first ones move fast. */
const WARM_UP = 20;
/** Weight of the newest loss in the running mean. */
const SMOOTHING = 0.05;
/** A loss this many times the running mean has exploded. */
const EXPLOSION = 10;
/** Steps in a row that may be skipped: so many halve the loss scale to nothing. */
const MOST_SKIPPED = 40;

/** What the run looked like when it went wrong. */
export interface DivergenceReport {
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  /** Running mean of the loss before this step; NaN at the first. */
  readonly meanLoss: number;
}

/** Training stopped because the loss is no longer a number, or has exploded. */
export class DivergenceError extends Error {
  readonly report: DivergenceReport;
  constructor(report: DivergenceReport) {
    const { step, loss, gradNorm, lr, meanLoss } = report;
    super(
      `training diverged at step ${step}: loss ${loss} (running mean ${meanLoss.toPrecision(4)}), gradient norm ${gradNorm}, learning rate ${lr}. ` +
        'Lower the learning rate or clip gradients, or look for bad pixels in the batch; the last checkpoint before this step is intact.',
    );
    this.name = 'DivergenceError';
    this.report = report;
  }
}

/**
 * Watches losses as they come.
 * @returns a function to call after each step; it throws {@link DivergenceError}.
 */
export function watchDivergence(): (
  step: Omit<DivergenceReport, 'meanLoss'> & { readonly skipped?: true },
) => void {
  let mean = Number.NaN;
  let seen = 0;
  let skipped = 0;
  return ({ skipped: skips = false, ...step }) => {
    skipped = skips ? skipped + 1 : 0;
    const mended = skips && skipped <= MOST_SKIPPED;
    const finite = Number.isFinite(step.loss) && (Number.isFinite(step.gradNorm) || mended);
    if (!finite || (seen >= WARM_UP && step.loss > EXPLOSION * mean))
      throw new DivergenceError({ ...step, meanLoss: mean });
    mean = seen === 0 ? step.loss : mean + SMOOTHING * (step.loss - mean);
    seen++;
  };
}
