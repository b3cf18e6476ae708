import type { HostMemory } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { AdamwAttrs, AdamwInputs } from './inputs.js';

/** In place where it may be, one pass over the parameter and its two moments. */
export function adamwHost(
  { param, m, v, grad, lr, correction1, correction2, gradScale }: KernelInfos<AdamwInputs>,
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
  memory: HostMemory,
): TensorInfo[] {
  const outputs = [memory.updatable(param), memory.updatable(m), memory.updatable(v)] as const;
  const weights = floats(memory, outputs[0]);
  const first = floats(memory, outputs[1]);
  const second = floats(memory, outputs[2]);
  const gradient = floats(memory, grad);
  const rate = floats(memory, lr)[0]! * lrScale;
  const scale = floats(memory, gradScale)[0]!;
  if (scale === 0) return [...outputs];
  const stepSize = rate / floats(memory, correction1)[0]!;
  const inverseRoot = 1 / Math.sqrt(floats(memory, correction2)[0]!);
  const decay = 1 - rate * weightDecay;
  for (let i = 0; i < weights.length; i++) {
    const g = gradient[i]! * scale;
    const mean = beta1 * first[i]! + (1 - beta1) * g;
    const square = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = mean;
    second[i] = square;
    weights[i] = weights[i]! * decay - (stepSize * mean) / (Math.sqrt(square) * inverseRoot + eps);
  }
  return [...outputs];
}
