import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import { type MatMulAttrs, type MatMulInputs, matMulSize } from './matmul.js';

/** One product after the other, with one scratch space. */
export function matMulWasm(
  { a, b }: KernelInfos<MatMulInputs>,
  attrs: MatMulAttrs,
  memory: WasmMemory,
): TensorInfo[] {
  const { transposeA, transposeB, alpha } = attrs;
  const { batch, m, n, k } = matMulSize(a, b, attrs);
  const product = memory.allocate([...a.shape.slice(0, -2), m, n], 'float32');
  const { code, address } = memory;
  memory.withScratch(code.gemmScratchBytes(m, n, k), (scratch) => {
    for (let i = 0; i < batch; i++)
      code.gemm(
        Number(transposeA),
        Number(transposeB),
        m,
        n,
        k,
        alpha,
        address(a) + 4 * i * m * k,
        transposeA ? m : k,
        address(b) + 4 * i * k * n,
        transposeB ? k : n,
        address(product) + 4 * i * m * n,
        n,
        0,
        scratch,
      );
  });
  return [product];
}
