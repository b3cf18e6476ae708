/** Features as colours. */
export interface PcaColours {
  /** [count, 3], 0 to 255: the first three principal components as red, green and blue. */
  readonly colours: Uint8ClampedArray<ArrayBuffer>;
  /** Share of the variance that each component holds, largest first; they sum to at most 1. */
  readonly explained: readonly number[];
}

const COMPONENTS = 3;
/** Rounds of orthogonal iteration: colours settle long before that. */
const ROUNDS = 50;
/** Values at these quantiles become 0 and 255: single outliers must not make the rest grey. */
const QUANTILE = 0.02;

/**
 * Colours from the first three principal components of features: what the model takes for alike gets like colours.
 * @param features [count, dim], row-major
 * @throws when the values are not whole rows, or there are fewer than two.
 */
export function pcaColours(features: Float32Array, dim: number): PcaColours {
  const count = features.length / dim;
  if (!Number.isInteger(count) || count < 2)
    throw new Error(`${features.length} values are not two or more features of ${dim}`);
  const centred = centre(features, dim);
  const covariance = covarianceOf(centred, dim);
  const axes = principalAxes(covariance, dim);
  const total = trace(covariance, dim);
  const colours = new Uint8ClampedArray(count * COMPONENTS).fill(128);
  for (const [component, { axis }] of axes.entries()) {
    const values = Float64Array.from({ length: count }, (_, row) => dot(centred, row * dim, axis));
    const sorted = values.slice().sort();
    const low = sorted[Math.floor(QUANTILE * (count - 1))]!;
    const high = sorted[Math.ceil((1 - QUANTILE) * (count - 1))]!;
    if (high - low < 1e-9) continue;
    for (let row = 0; row < count; row++)
      colours[row * COMPONENTS + component] = (255 * (values[row]! - low)) / (high - low);
  }
  return { colours, explained: axes.map(({ variance }) => (total === 0 ? 0 : variance / total)) };
}

function centre(features: Float32Array, dim: number): Float64Array {
  const mean = new Float64Array(dim);
  const count = features.length / dim;
  for (let i = 0; i < features.length; i++) mean[i % dim]! += features[i]! / count;
  return Float64Array.from(features, (value, i) => value - mean[i % dim]!);
}

/** [dim, dim] */
function covarianceOf(centred: Float64Array, dim: number): Float64Array {
  const out = new Float64Array(dim * dim);
  const count = centred.length / dim;
  for (let start = 0; start < centred.length; start += dim)
    for (let i = 0; i < dim; i++) {
      const scaled = centred[start + i]! / count;
      for (let j = 0; j <= i; j++) out[i * dim + j]! += scaled * centred[start + j]!;
    }
  for (let i = 0; i < dim; i++) for (let j = 0; j < i; j++) out[j * dim + i] = out[i * dim + j]!;
  return out;
}

/** The axes of largest variance, by orthogonal iteration; signs are fixed, so that colours don't flip. */
function principalAxes(covariance: Float64Array, dim: number): { axis: Float64Array; variance: number }[] {
  const count = Math.min(COMPONENTS, dim);
  // Any start that is not orthogonal to the axes will do; this one is the same every time.
  const axes = Array.from({ length: count }, (_, component) =>
    Float64Array.from({ length: dim }, (_, i) => Math.sin((component + 1) * (i + 1))),
  );
  const variances = new Float64Array(count);
  for (let round = 0; round < ROUNDS; round++)
    for (const [component, axis] of axes.entries()) {
      const next = Float64Array.from({ length: dim }, (_, i) => dot(covariance, i * dim, axis));
      for (const earlier of axes.slice(0, component)) {
        const along = dot(next, 0, earlier);
        for (let i = 0; i < dim; i++) next[i]! -= along * earlier[i]!;
      }
      const length = Math.sqrt(dot(next, 0, next));
      variances[component] = length;
      if (length > 0) for (let i = 0; i < dim; i++) axis[i] = next[i]! / length;
    }
  return axes.map((axis, component) => ({ axis: upright(axis), variance: variances[component]! }));
}

/** Of an axis and its opposite, the one whose largest entry is positive. */
function upright(axis: Float64Array): Float64Array {
  let largest = 0;
  for (const value of axis) if (Math.abs(value) > Math.abs(largest)) largest = value;
  return largest < 0 ? axis.map((value) => -value) : axis;
}

function dot(values: Float64Array, start: number, axis: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < axis.length; i++) sum += values[start + i]! * axis[i]!;
  return sum;
}

function trace(matrix: Float64Array, dim: number): number {
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += matrix[i * dim + i]!;
  return sum;
}
