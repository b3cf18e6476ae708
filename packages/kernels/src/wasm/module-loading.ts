import { type ModuleSource, RELAXED_SIMD, SIMD } from './module-bytes.js';
import { type CompiledModule, type WebAssemblyApi, webAssembly } from './web-assembly.js';

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
  crossEntropy(
    logits: number,
    targets: number,
    batch: number,
    classes: number,
    loss: number,
    dlogits: number,
  ): void;
  maskedMse(
    prediction: number,
    target: number,
    mask: number,
    tokens: number,
    values: number,
    loss: number,
    gradient: number,
  ): void;
  normPix(patches: number, rows: number, values: number, eps: number, out: number): void;
  gatherTokens(
    x: number,
    ids: number,
    batch: number,
    tokens: number,
    count: number,
    dim: number,
    out: number,
  ): void;
  restoreTokens(
    visible: number,
    fill: number,
    ids: number,
    batch: number,
    tokens: number,
    keep: number,
    dim: number,
    out: number,
  ): void;
  takeTokens(
    x: number,
    batch: number,
    tokens: number,
    begin: number,
    count: number,
    dim: number,
    out: number,
  ): void;
}

/** Is the memory that the kernels will work in shared between threads? It is another type of import. */
type Sharing = 'shared' | 'unshared';

const compiled = new Map<Sharing, CompiledModule>();
const refused = new Set<Sharing>();

/** Where the host knows relaxed SIMD, multiply and add are one instruction: a fifth faster. */
function moduleBytes(api: WebAssemblyApi, sharing: Sharing): Uint8Array {
  const relaxed = decode(RELAXED_SIMD, sharing);
  return api.validate(relaxed) ? relaxed : decode(SIMD, sharing);
}

function decode({ base64, memoryFlagsAt }: ModuleSource, sharing: Sharing): Uint8Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (sharing === 'shared') bytes[memoryFlagsAt]! |= 2;
  return bytes;
}

/**
 * Compile the kernels without blocking. Only needed where a host refuses to compile at once (an old Chrome's
 * main thread); until it resolves, kernels there run as plain JavaScript or tfjs ops.
 * @returns whether the host runs them: false where it has no SIMD.
 */
export async function prepareWasmKernels(): Promise<boolean> {
  if (webAssembly === undefined) return false;
  for (const sharing of ['shared', 'unshared'] as const) {
    if (compiled.has(sharing)) continue;
    try {
      compiled.set(sharing, await webAssembly.compile(moduleBytes(webAssembly, sharing)));
    } catch {
      refused.add(sharing);
    }
  }
  return compiled.size > 0;
}

/** The compiled module, or `undefined` where this host does not compile it (now, or ever). */
export function wasmModule(sharing: Sharing): CompiledModule | undefined {
  const known = compiled.get(sharing);
  if (known !== undefined || refused.has(sharing) || webAssembly === undefined) return known;
  try {
    const module = new webAssembly.Module(moduleBytes(webAssembly, sharing));
    compiled.set(sharing, module);
    return module;
  } catch {
    refused.add(sharing);
    return undefined;
  }
}
