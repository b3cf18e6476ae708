/** The names of the engines that MAEhem can open. `auto` takes the fastest that this machine offers. */
export type BackendName = 'cpu' | 'wasm' | 'webgpu' | 'tensorflow';

/**
 * What the inputs of matrix products are rounded to, on engines that can, with float32 accumulation, weights,
 * norms and losses, as PyTorch's autocast: `bfloat16` on tensorflow, `float16` on webgpu, where activations are
 * kept in it too and gradients want a loss scale (`dynamicLossScale` in @maehem/optim).
 */
export type Precision = 'float32' | 'bfloat16' | 'float16';

/** What an opened engine can do. Sizes in bytes; `Infinity` where the engine names no limit. */
export interface Capabilities {
  /** Where the arithmetic runs. */
  readonly device: 'cpu' | 'gpu';
  /** Does JavaScript see tensor memory without a copy, so that kernels may work on it directly? */
  readonly sharedMemory: boolean;
  /** Half-precision storage and arithmetic. */
  readonly float16: boolean;
  /** The number of threads that kernels use. */
  readonly threads: number;
  /** The largest single tensor. */
  readonly maxTensorBytes: number;
}

/** A reading of memory: tensors that tfjs counts, and what the engine and the process hold. */
export interface MemoryReport {
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Size of the engine's own heap or pool, where it has one. */
  readonly heapBytes?: number;
  /** Resident set size of this process, in Node. */
  readonly residentBytes?: number;
}

/** Options for `openBackend`. */
export interface OpenOptions {
  /** wasm in a page: the folder, with a trailing slash, that serves `tfjs-backend-wasm*.wasm`. */
  readonly wasmPath?: string;
  /**
   * webgpu: which GPU. `high-performance` (the default), `low-power`, `fallback` for a software adapter, or a
   * part of an adapter's name.
   */
  readonly adapter?: string;
  /** The precision of matrix products; float32 unless told. An engine that cannot refuses to open. */
  readonly precision?: Precision;
  /**
   * webgpu in float16: multiply on tensor cores, by Chromium's experimental subgroup matrices; off unless told, because
   * it has not run on a GPU yet.
   */
  readonly tensorCores?: boolean;
  /** tensorflow: compile captured steps with XLA. A step is faster, the first takes many seconds longer. */
  readonly xla?: boolean;
}

/** An opened engine, tfjs's current one from then on. */
export interface Backend {
  readonly name: BackendName;
  /** One line for people: which device this is. */
  readonly description: string;
  /** What else is worth knowing for people: the device's features and limits. */
  readonly details?: Readonly<Record<string, string>>;
  readonly capabilities: Capabilities;
  memory(): MemoryReport;
}

/** What it takes to offer an engine; `auto` tries providers fastest first. */
export interface BackendProvider {
  readonly name: BackendName;
  /** Besides float32. */
  readonly precisions?: readonly Precision[];
  /** Why this engine cannot open here and what to do about it, or `undefined` when it can. */
  unavailable(options?: OpenOptions): Promise<string | undefined>;
  /** Why `auto` should rather take a slower one of the list, or `undefined` when it should not. */
  passedOver?(options?: OpenOptions): Promise<string | undefined>;
  /** Register the tfjs backend, without making it current. */
  register(options: OpenOptions): Promise<void>;
  /** Describe the engine once it is current. */
  describe(): Promise<Omit<Backend, 'name' | 'memory'> & { readonly heapBytes?: () => number }>;
}
