import type { VitConfig } from '@maehem/vit';

/** Share of a patch's values that a reduced target keeps: 96 of the paper's 768. */
const KEPT = 1 / 8;

/**
 * A target without high frequencies: patches less all but the lowest eighth of their cosine components, channel by
 * channel (He et al. 2021, section 4.1 and table 1d, on why normalised pixels help).
 * @returns [value, value], row-major, symmetric: patches times it are the target
 */
export function lowPassProjection({
  patchSize,
  channels,
}: Pick<VitConfig, 'patchSize' | 'channels'>): Float32Array {
  const [height, width] = patchSize;
  const frequencies = Array.from(
    { length: height * width },
    (_, i) => [Math.floor(i / width), i % width] as const,
  )
    .sort(([u, v], [s, t]) => u / height + v / width - (s / height + t / width) || u - s)
    .slice(0, Math.max(1, Math.round(height * width * KEPT)));
  const basis = frequencies.flatMap(([u, v]) =>
    Array.from({ length: channels }, (_, channel) => {
      const vector = new Float64Array(height * width * channels);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          vector[(y * width + x) * channels + channel] = cosine(u, y, height) * cosine(v, x, width);
      return vector;
    }),
  );
  return projectionOnto(basis);
}

/** The orthonormal cosine transform (DCT-II). */
function cosine(frequency: number, at: number, length: number): number {
  const scale = Math.sqrt((frequency === 0 ? 1 : 2) / length);
  return scale * Math.cos((Math.PI * (at + 0.5) * frequency) / length);
}

/** Rounds of orthogonal iteration; patches of natural images have steep spectra, where far fewer do. */
const ROUNDS = 60;

/**
 * A target of principal components: patches projected onto the eighth of their space in which they vary most
 * (table 1d, "PCA").
 * @param patches [patch, value] of training images
 * @returns [value, value], row-major, symmetric: patches times it are the target
 * @throws when there are too few patches to find components in.
 */
export function pcaProjection(patches: Float32Array, values: number): Float32Array {
  const count = Math.floor(patches.length / values);
  const keep = Math.max(1, Math.round(values * KEPT));
  if (count <= keep)
    throw new Error(`${keep} principal components need more than as many patches, got ${count}`);
  const covariance = covarianceOf(patches, values);
  // Starting with unit vectors needs no chance; rounding breaks ties.
  let basis: Float64Array[] = Array.from({ length: keep }, (_, index) => {
    const vector = new Float64Array(values).fill(1e-3);
    vector[Math.floor((index * values) / keep)]! += 1;
    return vector;
  });
  for (let round = 0; round < ROUNDS; round++)
    basis = orthonormal(basis.map((vector) => product(covariance, vector)));
  return projectionOnto(basis);
}

function covarianceOf(patches: Float32Array, values: number): Float64Array {
  const count = Math.floor(patches.length / values);
  const mean = new Float64Array(values);
  for (let i = 0; i < count * values; i++) mean[i % values]! += patches[i]! / count;
  const covariance = new Float64Array(values * values);
  const centred = new Float64Array(values);
  for (let patch = 0; patch < count; patch++) {
    for (let i = 0; i < values; i++) centred[i] = patches[patch * values + i]! - mean[i]!;
    for (let i = 0; i < values; i++)
      for (let j = 0; j < values; j++) covariance[i * values + j]! += (centred[i]! * centred[j]!) / count;
  }
  return covariance;
}

function product(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  return vector.map((_, row) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += matrix[row * size + i]! * vector[i]!;
    return sum;
  });
}

/** Modified Gram-Schmidt. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    for (const other of done) {
      const share = rest.reduce((sum, value, i) => sum + value * other[i]!, 0);
      for (let i = 0; i < rest.length; i++) rest[i]! -= share * other[i]!;
    }
    const norm = Math.sqrt(rest.reduce((sum, value) => sum + value * value, 0));
    // A direction that is spent stays out: its projection is zero.
    done.push(norm > 1e-12 ? rest.map((value) => value / norm) : new Float64Array(rest.length));
  }
  return done;
}

/** The projection onto the span of orthonormal vectors. */
function projectionOnto(basis: readonly Float64Array[]): Float32Array {
  const size = basis[0]!.length;
  const matrix = new Float64Array(size * size);
  for (const vector of basis)
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) matrix[i * size + j]! += vector[i]! * vector[j]!;
  return Float32Array.from(matrix);
}
