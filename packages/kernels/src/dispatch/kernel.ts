import {
  engineName,
  type GpuEngine,
  gpuEngine,
  type HostMemory,
  hostMemory,
  type RawTensor,
  registerOnCurrentEngine,
  type TensorFlowOps,
  tensorflowOps,
} from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import { type WasmMemory, wasmMemory } from '../wasm/wasm-memory.js';

/** Named tensors that go into a kernel; absent ones are optional inputs. */
export type KernelInputs = { readonly [name: string]: tf.Tensor | undefined };

/** Numbers, flags and lists that are fixed when a step is captured. */
export type KernelAttrs = { readonly [name: string]: number | boolean | string | readonly number[] };

/** The same inputs, as an engine's kernel function sees them. */
export type KernelInfos<Inputs extends KernelInputs> = { readonly [K in keyof Inputs]: tf.TensorInfo };

/** The same inputs, as the kernels of the TensorFlow engine see them. */
export type KernelRawTensors<Inputs extends KernelInputs> = { readonly [K in keyof Inputs]: RawTensor };

/**
 * A kernel: one name under which engines may bring their own implementation.
 * `composite` is the spelling in tfjs ops that runs everywhere; `host` works directly on tensor memory, for
 * engines that share it with JavaScript (cpu, wasm); `wasm` calls our own module in the memory of the wasm
 * engine, and stands before `host` where the module runs; `tensorflow` is written in
 * TensorFlow's ops; `webgpu` dispatches our own WGSL.
 */
export interface KernelSpec<Inputs extends KernelInputs, Attrs extends KernelAttrs> {
  /** Name in tfjs's kernel registry. */
  readonly name: string;
  /** Inputs that the kernel consumes, and may update in place: see `HostMemory.updatable`. */
  readonly updates?: readonly (keyof Inputs & string)[];
  readonly composite: (inputs: Inputs, attrs: Attrs) => tf.Tensor[];
  readonly host?: (inputs: KernelInfos<Inputs>, attrs: Attrs, memory: HostMemory) => tf.TensorInfo[];
  readonly wasm?: (inputs: KernelInfos<Inputs>, attrs: Attrs, memory: WasmMemory) => tf.TensorInfo[];
  readonly webgpu?: (inputs: KernelInfos<Inputs>, attrs: Attrs, gpu: GpuEngine) => tf.TensorInfo[];
  /** What the WGSL can do: where this says no, the composite runs. Without it, everything. */
  readonly webgpuTakes?: (inputs: Inputs, attrs: Attrs, gpu: GpuEngine) => boolean;
  readonly tensorflow?: (inputs: KernelRawTensors<Inputs>, attrs: Attrs, ops: TensorFlowOps) => RawTensor[];
}

/** A callable kernel. It is not differentiable by itself: see {@link differentiable}. */
export type Kernel<Inputs extends KernelInputs, Attrs extends KernelAttrs> = (
  inputs: Inputs,
  attrs: Attrs,
) => tf.Tensor[];

/**
 * `native`: an engine's own implementation where there is one. `host`: the same, but JavaScript in place of
 * our wasm module. `hardware`: the same, but an adapter that computes on the CPU is given the shapes of a GPU.
 * `composite`: tfjs ops always.
 */
export type KernelMode = 'native' | 'host' | 'hardware' | 'composite';

/**
 * The modes that differ on an engine, for its tests.
 * @param shaped the kernel has other workgroups on a software adapter than on a GPU
 */
export function kernelModes(
  engine: string,
  { shaped = false }: { readonly shaped?: boolean } = {},
): KernelMode[] {
  const between: Readonly<Record<string, KernelMode[]>> = {
    wasm: ['host'],
    webgpu: shaped ? ['hardware'] : [],
  };
  return ['native', ...(between[engine] ?? []), 'composite'];
}

const HOST_ENGINES: ReadonlySet<string> = new Set(['cpu', 'wasm']);

let mode: KernelMode = 'native';

/** The choice of kernels that is in force. */
export function kernelMode(): KernelMode {
  return mode;
}

/**
 * Run `fn` with another choice of kernels; for tests and for finding out which kernel is wrong. Where `fn` is
 * asynchronous, the choice holds until its promise is settled.
 */
export function withKernelMode<T>(chosen: KernelMode, fn: () => T): T {
  const previous = mode;
  const restore = (): void => {
    mode = previous;
  };
  mode = chosen;
  let asynchronous = false;
  try {
    const result = fn();
    asynchronous = result instanceof Promise;
    return result instanceof Promise ? (result.finally(restore) as T) : result;
  } finally {
    if (!asynchronous) restore();
  }
}

/**
 * Turn a spec into a kernel. Engines are asked at each call, through tfjs's kernel registry: an
 * implementation is registered when it is first used, so that importing a module changes nothing.
 */
export function defineKernel<Inputs extends KernelInputs, Attrs extends KernelAttrs>(
  spec: KernelSpec<Inputs, Attrs>,
): Kernel<Inputs, Attrs> {
  return (inputs, attrs) => {
    const name = mode === 'composite' ? undefined : registeredName(spec, inputs, attrs);
    if (name === undefined) return spec.composite(inputs, attrs);
    const present = Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined));
    const outputs: unknown = tf
      .engine()
      .runKernel(name, present as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap);
    return (Array.isArray(outputs) ? outputs : [outputs]) as tf.Tensor[];
  };
}

/** The name under which the current engine has the best implementation, or `undefined` if it has none. */
function registeredName<Inputs extends KernelInputs, Attrs extends KernelAttrs>(
  spec: KernelSpec<Inputs, Attrs>,
  inputs: Inputs,
  attrs: Attrs,
): string | undefined {
  const { name, host, wasm, tensorflow, webgpu, webgpuTakes, updates } = spec;
  const engine = engineName();
  if (webgpu !== undefined && engine === 'webgpu') {
    if (!(webgpuTakes?.(inputs, attrs, gpuEngine(tf.backend())) ?? true)) return undefined;
    registerOnCurrentEngine(
      name,
      (call) =>
        webgpu(
          call.inputs as unknown as KernelInfos<Inputs>,
          call.attrs as unknown as Attrs,
          gpuEngine(call.backend),
        ),
      updates,
    );
  }
  if (tensorflow !== undefined && engine === 'tensorflow')
    registerOnCurrentEngine(
      name,
      ({ inputs, attrs, backend }) => runOnTensorFlow(tensorflow, inputs, attrs as unknown as Attrs, backend),
      updates,
    );
  if (wasm !== undefined && mode !== 'host' && engine === 'wasm' && wasmMemory(tf.backend()) !== undefined) {
    // A name of its own, so that both can be had on one engine.
    registerOnCurrentEngine(
      `${name}Simd`,
      ({ inputs, attrs, backend }) =>
        wasm(inputs as unknown as KernelInfos<Inputs>, attrs as unknown as Attrs, wasmMemory(backend)!),
      updates,
    );
    return `${name}Simd`;
  }
  if (host !== undefined && HOST_ENGINES.has(engine))
    registerOnCurrentEngine(
      name,
      ({ inputs, attrs, backend }) =>
        host(inputs as unknown as KernelInfos<Inputs>, attrs as unknown as Attrs, hostMemory(backend)),
      updates,
    );
  return tf.getKernel(name, tf.getBackend()) == null ? undefined : name;
}

function runOnTensorFlow<Inputs extends KernelInputs, Attrs extends KernelAttrs>(
  kernel: NonNullable<KernelSpec<Inputs, Attrs>['tensorflow']>,
  inputs: tf.NamedTensorInfoMap,
  attrs: Attrs,
  backend: unknown,
): tf.TensorInfo[] {
  const ops = tensorflowOps(backend);
  const raw = Object.fromEntries(
    Object.entries(inputs).map(([name, info]) => [name, ops.input(info as tf.TensorInfo)]),
  );
  return ops.runKernel(() => kernel(raw as KernelRawTensors<Inputs>, attrs, ops));
}
