/** A compiled module; opaque. */
export type CompiledModule = object;

/** The parts of the WebAssembly JavaScript API that are used here: the project compiles without DOM types. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (module: CompiledModule, imports: object) => { readonly exports: object };
  readonly Memory: new (limits: { readonly initial: number }) => object;
  compile(bytes: Uint8Array): Promise<CompiledModule>;
}

/** The host's WebAssembly, or `undefined` where it has none. */
export const webAssembly: WebAssemblyApi | undefined = (
  globalThis as unknown as { readonly WebAssembly?: WebAssemblyApi }
).WebAssembly;
