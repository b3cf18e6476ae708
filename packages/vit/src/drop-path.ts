import { scaleSamples } from '@maehem/kernels';
import { fold, type Key, uniform } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Factors of stochastic depth (Huang et al. 2016): 0 for a dropped residual branch, 1 / (1 - rate) for a
 * kept one. The rate grows linearly from 0 at the first block to `rate` at the last, as in the reference.
 * Host data, so that the model stays deterministic and a captured step can take new factors.
 * @returns [depth * 2, batch]: two branches a block, attention first.
 */
export function dropPathFactors(
  key: Key,
  { depth, batch, rate }: { depth: number; batch: number; rate: number },
): Float32Array {
  if (!(rate >= 0 && rate < 1)) throw new Error(`drop path rate must be in [0, 1), got ${rate}`);
  const factors = new Float32Array(depth * 2 * batch);
  for (let branch = 0; branch < depth * 2; branch++) {
    const block = branch >> 1;
    const keep = 1 - (depth === 1 ? rate : (rate * block) / (depth - 1));
    const draws = uniform(fold(key, branch), batch);
    for (const [sample, draw] of draws.entries())
      factors[branch * batch + sample] = draw < keep ? 1 / keep : 0;
  }
  return factors;
}

/**
 * Scale a residual branch, sample by sample.
 * @param x [batch, token, dim]
 * @param factors [depth * 2, batch] of {@link dropPathFactors}
 */
export function dropPath(x: tf.Tensor3D, factors: tf.Tensor2D, branch: number): tf.Tensor3D {
  const batch = x.shape[0];
  return scaleSamples(x, tf.reshape(tf.slice(factors, [branch, 0], [1, batch]), [batch]));
}
