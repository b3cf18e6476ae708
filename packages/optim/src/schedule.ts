/** The learning rate of a step; steps count from 0. */
export type Schedule = (step: number) => number;

/** Options of {@link warmupCosine}; steps are optimizer steps, not epochs. */
export interface WarmupCosineOptions {
  /** The rate at the end of the warmup, already scaled by the batch (see {@link linearScaledLr}). */
  readonly baseLr: number;
  /** The rate at the end of the run. Default 0. */
  readonly minLr?: number;
  /** Steps of linear growth from 0; may be 0, and as in the reference may be longer than the run. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * Linear warmup from 0, then half a cosine down to `minLr` (He et al. 2021, table 8; the reference's
 * `lr_sched.py`, which sets the rate every iteration, from the epoch as a fraction). Stays at `minLr` after the
 * last step.
 * @throws when a rate or a number of steps makes no sense.
 */
export function warmupCosine({ baseLr, minLr = 0, warmupSteps, totalSteps }: WarmupCosineOptions): Schedule {
  assertRate('baseLr', baseLr);
  assertRate('minLr', minLr);
  if (!(totalSteps > 0 && Number.isFinite(totalSteps)))
    throw new Error(`totalSteps must be a positive number, got ${totalSteps}`);
  if (!(warmupSteps >= 0 && Number.isFinite(warmupSteps)))
    throw new Error(`warmupSteps must be a number of at least 0, got ${warmupSteps}`);
  return (step) => {
    if (step < warmupSteps) return (baseLr * step) / warmupSteps;
    if (step >= totalSteps) return minLr;
    const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
    return minLr + (baseLr - minLr) * 0.5 * (1 + Math.cos(Math.PI * progress));
  };
}

/** The same learning rate at every step. */
export function constant(lr: number): Schedule {
  assertRate('lr', lr);
  return () => lr;
}

/**
 * The linear scaling rule (Goyal et al. 2017; He et al. 2021, table 8): lr = base lr * batch / 256.
 * @param baseLr the rate for a batch of 256
 * @param effectiveBatch images in one optimizer step: batch * accumulation * processes
 */
export function linearScaledLr(baseLr: number, effectiveBatch: number): number {
  assertRate('baseLr', baseLr);
  if (!Number.isInteger(effectiveBatch) || effectiveBatch < 1)
    throw new Error(`the effective batch must be a positive whole number of images, got ${effectiveBatch}`);
  return (baseLr * effectiveBatch) / 256;
}

function assertRate(name: string, rate: number): void {
  if (!(rate >= 0 && Number.isFinite(rate)))
    throw new Error(`${name} must be a learning rate of at least 0, got ${rate}`);
}
