/** One AdamW step on plain numbers (Loshchilov & Hutter 2019, algorithm 2, as PyTorch computes it). */
export function adamwReference(
  state: { param: number; m: number; v: number },
  grad: number,
  step: number,
  options: { lr: number; beta1: number; beta2: number; eps: number; weightDecay: number },
): { param: number; m: number; v: number } {
  const { lr, beta1, beta2, eps, weightDecay } = options;
  const m = beta1 * state.m + (1 - beta1) * grad;
  const v = beta2 * state.v + (1 - beta2) * grad * grad;
  const decayed = state.param * (1 - lr * weightDecay);
  const denominator = Math.sqrt(v) / Math.sqrt(1 - beta2 ** step) + eps;
  return { param: decayed - ((lr / (1 - beta1 ** step)) * m) / denominator, m, v };
}
