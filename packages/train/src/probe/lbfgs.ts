/** A function and its gradient at a point. */
export type Evaluate = (
  x: Float64Array,
) => Promise<{ readonly value: number; readonly gradient: Float64Array }>;

/** How far {@link lbfgs} goes. */
export interface LbfgsOptions {
  readonly iterations: number;
  /** Steps that are remembered of the curvature. Default 10. */
  readonly memory?: number;
  /** Largest gradient entry at which it is done. Default 1e-5. */
  readonly tolerance?: number;
}

/** Armijo's condition: a step must gain this share of what the slope promises. */
const SUFFICIENT = 1e-4;
const HALVINGS = 20;

/**
 * Minimise a smooth function (limited-memory BFGS, Nocedal 1980, with backtracking). Ends when the gradient is small,
 * no step gains, or after so many iterations.
 */
export async function lbfgs(
  evaluate: Evaluate,
  start: Float64Array,
  options: LbfgsOptions,
): Promise<Float64Array> {
  const { iterations, memory = 10, tolerance = 1e-5 } = options;
  const history: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  let x = start;
  let { value, gradient } = await evaluate(x);
  for (let iteration = 0; iteration < iterations; iteration++) {
    if (gradient.every((g) => Math.abs(g) <= tolerance)) break;
    const direction = descent(gradient, history);
    const slope = dot(direction, gradient);
    let step = history.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    let next: { x: Float64Array; value: number; gradient: Float64Array } | undefined;
    for (let halving = 0; halving < HALVINGS && next === undefined; halving++, step /= 2) {
      const trial = x.map((xi, i) => xi + step * direction[i]!);
      const found = await evaluate(trial);
      if (found.value <= value + SUFFICIENT * step * slope) next = { x: trial, ...found };
    }
    if (next === undefined) break;
    const s = next.x.map((xi, i) => xi - x[i]!);
    const y = next.gradient.map((g, i) => g - gradient[i]!);
    const curvature = dot(s, y);
    // Without positive curvature the direction would not go down.
    if (curvature > 1e-12) history.push({ s, y, rho: 1 / curvature });
    if (history.length > memory) history.shift();
    ({ x, value, gradient } = next);
  }
  return x;
}

/** The two-loop recursion: minus the gradient, in the metric of the remembered curvature. */
function descent(
  gradient: Float64Array,
  history: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (const { s, y, rho } of [...history].reverse()) {
    const alpha = rho * dot(s, q);
    alphas.unshift(alpha);
    addScaled(q, y, -alpha);
  }
  const newest = history[history.length - 1];
  const scale = newest === undefined ? 1 : 1 / (newest.rho * dot(newest.y, newest.y));
  for (let i = 0; i < q.length; i++) q[i]! *= scale;
  for (const [index, { s, y, rho }] of history.entries()) addScaled(q, s, alphas[index]! - rho * dot(y, q));
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, other: Float64Array, scale: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += scale * other[i]!;
}
