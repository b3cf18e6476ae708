import type { HostMemory } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import { exponential } from './exponential.js';

const INVERSE_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);

/**
 * erf by Abramowitz & Stegun 7.1.26 (error 1.5e-7, below float32's own): its exponential exp(-x²/2) is the
 * normal density too, so that the derivative is free.
 */
export function geluForwardHost(
  { x }: { readonly x: TensorInfo },
  _attrs: Record<string, never>,
  memory: HostMemory,
): TensorInfo[] {
  const outputs = [memory.allocate(x.shape, 'float32'), memory.allocate(x.shape, 'float32')];
  const [y, derivative] = outputs.map((info) => floats(memory, info)) as [Float32Array, Float32Array];
  const input = floats(memory, x);
  for (let i = 0; i < input.length; i++) {
    const value = input[i]!;
    const gauss = exponential(-0.5 * value * value);
    const t = 1 / (1 + 0.3275911 * Math.SQRT1_2 * Math.abs(value));
    const series =
      t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const tail = 0.5 * series * gauss;
    const distribution = value >= 0 ? 1 - tail : tail;
    y[i] = value * distribution;
    derivative[i] = distribution + value * gauss * INVERSE_SQRT_TWO_PI;
  }
  return outputs;
}
