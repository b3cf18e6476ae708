import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { LinearGradInputs, LinearInputs } from './inputs.js';

/** One product with a transposed weight, the bias in its epilogue. */
export function linearForwardWasm(
  { x, weight, bias }: KernelInfos<LinearInputs>,
  _attrs: Record<string, never>,
  memory: WasmMemory,
): TensorInfo[] {
  const [out, features] = weight.shape as [number, number];
  const rows = rowCount(x);
  const y = memory.allocate([...x.shape.slice(0, -1), out], 'float32');
  const { code, address } = memory;
  memory.withScratch(code.gemmScratchBytes(rows, out, features), (scratch) =>
    code.gemm(
      0,
      1,
      rows,
      out,
      features,
      1,
      address(x),
      features,
      address(weight),
      features,
      address(y),
      out,
      address(bias),
      scratch,
    ),
  );
  return [y];
}

/** dx = dy W, dW = dyᵀ x, db = column sums of dy. */
export function linearBackwardWasm(
  { dy, x, weight }: KernelInfos<LinearGradInputs>,
  { inputFixed }: { inputFixed: boolean },
  memory: WasmMemory,
): TensorInfo[] {
  const [out, features] = weight.shape as [number, number];
  const rows = rowCount(x);
  const { code, address } = memory;
  const dweight = memory.allocate([out, features], 'float32');
  const dbias = memory.allocate([out], 'float32');
  const gradient = address(dy);
  memory.withScratch(code.gemmScratchBytes(out, features, rows), (scratch) =>
    code.gemm(
      1,
      0,
      out,
      features,
      rows,
      1,
      gradient,
      out,
      address(x),
      features,
      address(dweight),
      features,
      0,
      scratch,
    ),
  );
  code.columnSums(gradient, rows, out, address(dbias));
  if (inputFixed) return [dweight, dbias];
  const dx = memory.allocate(x.shape, 'float32');
  memory.withScratch(code.gemmScratchBytes(rows, features, out), (scratch) =>
    code.gemm(
      0,
      0,
      rows,
      features,
      out,
      1,
      gradient,
      out,
      address(weight),
      features,
      address(dx),
      features,
      0,
      scratch,
    ),
  );
  return [dx, dweight, dbias];
}

function rowCount({ shape }: TensorInfo): number {
  return shape.slice(0, -1).reduce((product, n) => product * n, 1);
}
