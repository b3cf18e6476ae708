import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { LayerNormGradInputs, LayerNormInputs } from './inputs.js';

/** The passes of the host kernel; statistics in float64. */
export function layerNormForwardWasm(
  { x, weight, bias }: KernelInfos<LayerNormInputs>,
  { eps }: { eps: number },
  memory: WasmMemory,
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = x.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const y = memory.allocate(x.shape, 'float32');
  const mean = memory.allocate([rows], 'float32');
  const rstd = memory.allocate([rows], 'float32');
  const [xAt, weightAt, biasAt, yAt, meanAt, rstdAt] = [x, weight, bias, y, mean, rstd].map(memory.address);
  memory.code.layerNormForward(xAt!, weightAt!, biasAt!, eps, rows, features, yAt!, meanAt!, rstdAt!);
  return [y, mean, rstd];
}

/** dx needs two sums a row; dweight and dbias gather over the rows, by way of float64. */
export function layerNormBackwardWasm(
  { dy, x, weight, mean, rstd }: KernelInfos<LayerNormGradInputs>,
  _attrs: Record<string, never>,
  memory: WasmMemory,
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = mean.shape[0]!;
  const dx = memory.allocate(x.shape, 'float32');
  const dweight = memory.allocate([features], 'float32');
  const dbias = memory.allocate([features], 'float32');
  const { code, address } = memory;
  memory.withScratch(code.layerNormScratchBytes(features), (scratch) =>
    code.layerNormBackward(
      address(dy),
      address(x),
      address(weight),
      address(mean),
      address(rstd),
      rows,
      features,
      address(dx),
      address(dweight),
      address(dbias),
      scratch,
    ),
  );
  return [dx, dweight, dbias];
}
