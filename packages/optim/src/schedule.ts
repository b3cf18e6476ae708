/** The learning rate of each optimizer step, counted from 0. */
export type Schedule = (step: number) => number;

/** Options of {@link warmupCosine}. */
export interface WarmupCosineOptions {
  readonly baseLr: number;
  readonly minLr: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * Linear warm-up from 0, then half a cosine down to `minLr`, adjusted at every iteration rather than every
 * epoch (the reference's `lr_sched.py`; Loshchilov & Hutter 2016).
 */
export function warmupCosine({ baseLr, minLr, warmupSteps, totalSteps }: WarmupCosineOptions): Schedule {
  return (step) => {
    if (step < warmupSteps) return (baseLr * step) / warmupSteps;
    const progress = (step - warmupSteps) / Math.max(totalSteps - warmupSteps, 1);
    return minLr + (baseLr - minLr) * 0.5 * (1 + Math.cos(Math.PI * Math.min(progress, 1)));
  };
}

/** Linear scaling (Goyal et al. 2017): the rate for a batch of 256, times batch / 256. */
export function linearScaledLr(baseLr: number, effectiveBatch: number): number {
  return (baseLr * effectiveBatch) / 256;
}
