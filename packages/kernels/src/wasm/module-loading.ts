import { SIMD } from './module-bytes.js';
import { type CompiledModule, webAssembly } from './web-assembly.js';

/** What the module exports. Addresses are bytes in the imported memory; sizes are counts of numbers. */
export interface WasmExports {
  gemm(
    aT: number,
    bT: number,
    m: number,
    n: number,
    k: number,
    alpha: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    bias: number,
    scratch: number,
  ): void;
  gemmScratchBytes(m: number, n: number, k: number): number;
  columnSums(x: number, rows: number, columns: number, out: number): void;
  attentionForward(
    qkv: number,
    out: number,
    probabilities: number,
    batch: number,
    tokens: number,
    heads: number,
    dim: number,
    scratch: number,
  ): void;
  attentionBackward(
    dy: number,
    qkv: number,
    probabilities: number,
    dqkv: number,
    batch: number,
    tokens: number,
    heads: number,
    dim: number,
    scratch: number,
  ): void;
  attentionScratchBytes(tokens: number, dim: number): number;
  gelu(x: number, count: number, y: number, derivative: number): void;
  layerNormForward(
    x: number,
    weight: number,
    bias: number,
    eps: number,
    rows: number,
    features: number,
    y: number,
    means: number,
    rstds: number,
  ): void;
  layerNormBackward(
    dy: number,
    x: number,
    weight: number,
    means: number,
    rstds: number,
    rows: number,
    features: number,
    dx: number,
    dweight: number,
    dbias: number,
    scratch: number,
  ): void;
  layerNormScratchBytes(features: number): number;
  adamw(
    param: number,
    m: number,
    v: number,
    grad: number,
    count: number,
    gradScale: number,
    beta1: number,
    beta2: number,
    stepSize: number,
    inverseRoot: number,
    eps: number,
    decay: number,
  ): void;
  sumOfSquares(x: number, count: number): number;
}

let compiled: CompiledModule | undefined;
let refused = false;

function moduleBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(SIMD), (character) => character.charCodeAt(0));
}

/**
 * Compile the kernels without blocking. Only needed where a host refuses to compile at once (an old Chrome's
 * main thread); until it resolves, kernels there run as plain JavaScript or tfjs ops.
 * @returns whether the host runs them: false where it has no SIMD.
 */
export async function prepareWasmKernels(): Promise<boolean> {
  if (compiled === undefined && webAssembly !== undefined) {
    try {
      compiled = await webAssembly.compile(moduleBytes());
    } catch {
      refused = true;
    }
  }
  return compiled !== undefined;
}

/** The compiled module, or `undefined` where this host does not compile it (now, or ever). */
export function wasmModule(): CompiledModule | undefined {
  if (compiled !== undefined || refused || webAssembly === undefined) return compiled;
  try {
    compiled = new webAssembly.Module(moduleBytes());
  } catch {
    refused = true;
  }
  return compiled;
}
