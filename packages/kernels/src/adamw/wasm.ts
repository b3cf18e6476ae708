import type { TensorInfo } from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { AdamwAttrs, AdamwInputs } from './inputs.js';

/** In place, one pass over the parameter and its two moments, in float32 as PyTorch's. */
export function adamwWasm(
  { param, m, v, grad, lr, correction1, correction2, gradScale }: KernelInfos<AdamwInputs>,
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
  memory: WasmMemory,
): TensorInfo[] {
  const { address } = memory;
  const outputs = [memory.updatable(param), memory.updatable(m), memory.updatable(v)] as const;
  const scalar = (info: TensorInfo): number => floats(memory, info)[0]!;
  if (scalar(gradScale) === 0) return [...outputs];
  const rate = scalar(lr) * lrScale;
  memory.code.adamw(
    address(outputs[0]),
    address(outputs[1]),
    address(outputs[2]),
    address(grad),
    param.shape.reduce((product, n) => product * n, 1),
    scalar(gradScale),
    beta1,
    beta2,
    rate / scalar(correction1),
    1 / Math.sqrt(scalar(correction2)),
    eps,
    1 - rate * weightDecay,
  );
  return [...outputs];
}
