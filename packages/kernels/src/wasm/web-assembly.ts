/** A compiled module; opaque. */
export type CompiledModule = object;

/** In pages of 64 KiB. */
interface MemoryLimits {
  readonly initial: number;
  readonly maximum: number;
  readonly shared?: boolean;
}

/** The parts of the WebAssembly JavaScript API that are used here: the project compiles without DOM types. */
export interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (module: CompiledModule, imports: object) => { readonly exports: object };
  readonly Memory: new (limits: MemoryLimits) => { readonly buffer: ArrayBufferLike };
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<CompiledModule>;
}

/** The host's WebAssembly, or `undefined` where it has none. */
export const webAssembly: WebAssemblyApi | undefined = (
  globalThis as unknown as { readonly WebAssembly?: WebAssemblyApi }
).WebAssembly;
