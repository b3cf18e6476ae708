import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { precisionOf } from '../half/half.js';
import { choose } from '../tuning/tuning.js';
import { dispatch, f32, spread, u32 } from '../webgpu/dispatch.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import { type GemmProgram, gemmWgsl, partStride } from './gemm.wgsl.js';
import { gemmDirectWgsl } from './gemm-direct.wgsl.js';
import { gemmSubgroupMatrixWgsl } from './gemm-subgroup-matrix.wgsl.js';
import { chooseGemm, type GemmChoice, type GemmSize, type GemmTraits } from './gemm-tiles.js';
import { type MatMulAttrs, type MatMulInputs, matMulSize } from './matmul.js';
import { ADD_PARTS_INVOCATIONS, addPartsWgsl } from './split-k.wgsl.js';
import { chooseMatrixTile, type MatrixChoice } from './tensor-cores.js';
import { tunableProduct } from './tunable-product.js';

/** One product for each entry of the leading axes, all in one dispatch. */
export function matMulWebGpu(
  { a, b }: KernelInfos<MatMulInputs>,
  attrs: MatMulAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const size = matMulSize(a, b, attrs);
  const product = gpu.allocate([...a.shape.slice(0, -2), size.m, size.n], 'float32');
  gemm(gpu, {
    size,
    a,
    b,
    aAlong: attrs.transposeA ? 'rows' : 'k',
    bAlong: attrs.transposeB ? 'k' : 'rows',
    alpha: attrs.alpha,
    out: product,
  });
  return [product];
}

/**
 * A product on the GPU, with what is done to it before it is written: see gemm.wgsl.ts. Any of a, b and out may
 * be halves; what is like `out` lies in memory as it does.
 */
export interface GemmCall {
  readonly size: GemmSize;
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  /** The contiguous axis of each factor. */
  readonly aAlong: 'k' | 'rows';
  readonly bAlong: 'k' | 'rows';
  readonly alpha?: number;
  readonly out: TensorInfo;
  /** [n], added. */
  readonly bias?: TensorInfo | undefined;
  /** Like `out`: added. */
  readonly residual?: TensorInfo | undefined;
  /** Like `out`: multiplied with. */
  readonly factor?: TensorInfo | undefined;
  /** Like `out`: takes GELU's derivative, and `out` its value. */
  readonly geluDerivative?: TensorInfo | undefined;
  /** [m]: takes the sums of op(a)'s rows. Such products may be split along k. */
  readonly rowSums?: TensorInfo | undefined;
}

/**
 * Record a product; in two dispatches if it is split along k.
 * @param choice another tile than the one that this device should take
 */
export function gemm(gpu: GpuEngine, call: GemmCall, choice?: GemmChoice): void {
  const { size } = call;
  const traits = programTraits(call);
  const cores = choice === undefined ? chooseMatrixTile(size, traits, gpuTraits(gpu)) : undefined;
  if (cores !== undefined) {
    gemmOnTensorCores(gpu, call, cores);
    return;
  }
  const { tile, splits, depth } =
    choice ??
    choose(
      gpu,
      () => chooseGemm(size, traits, gpuTraits(gpu)),
      () => tunableProduct(gpu, call, traits),
    );
  const program = { ...traits, tile, split: splits > 1 };
  record(gpu, call, {
    key: `gemm ${JSON.stringify(program)}`,
    wgsl: () => productWgsl(program),
    ...{ tile, splits, depth },
  });
}

/** A product's program: in registers alone where the tile has no slabs. */
export function productWgsl(program: GemmProgram): string {
  return program.tile.k === 0 ? gemmDirectWgsl(program) : gemmWgsl(program);
}

/**
 * Record a product on tensor cores.
 * @throws when the program makes no sense.
 */
export function gemmOnTensorCores(gpu: GpuEngine, call: GemmCall, choice: MatrixChoice): void {
  const { splits, depth } = choice;
  const program = { ...choice.program, split: splits > 1 };
  record(gpu, call, {
    key: `gemm on tensor cores ${JSON.stringify(program)}`,
    wgsl: () => gemmSubgroupMatrixWgsl(program),
    ...{ tile: program.tile, splits, depth },
  });
}

/** A program for a product, and the parts that it makes of C and of k. */
interface GemmRecording {
  readonly key: string;
  readonly wgsl: () => string;
  readonly tile: { readonly m: number; readonly n: number };
  readonly splits: number;
  readonly depth: number;
}

function record(gpu: GpuEngine, call: GemmCall, { key, wgsl, tile, splits, depth }: GemmRecording): void {
  const { size, a, b, alpha = 1, out, bias, residual, factor, geluDerivative, rowSums } = call;
  const { batch, m, n, k } = size;
  const parts = splits > 1 ? gpu.allocate([splits, partStride(m, n)], 'float32') : undefined;
  const outputs = parts !== undefined ? [parts] : [out, geluDerivative, rowSums];
  dispatch(gpu, {
    key,
    wgsl,
    inputs: [a, b, bias, residual, factor].filter((info) => info !== undefined),
    outputs: outputs.filter((info) => info !== undefined),
    uniforms: [u32(m), u32(n), u32(k), u32(depth), f32(alpha)],
    workgroups: [Math.ceil(n / tile.n), Math.ceil(m / tile.m), parts === undefined ? batch : splits],
  });
  if (parts === undefined) return;
  addParts(gpu, size, parts, out, rowSums!);
  gpu.release(parts);
}

/** Everything about a product's program that its tensors decide. */
export function programTraits(call: GemmCall): GemmTraits {
  const { size, a, b, out, aAlong, bAlong, bias, residual, factor, geluDerivative, rowSums } = call;
  const { m, n, k } = size;
  return {
    a: { along: aAlong, vector: (aAlong === 'k' ? k : m) % 4 === 0, precision: precisionOf(a) },
    b: { along: bAlong, vector: (bAlong === 'k' ? k : n) % 4 === 0, precision: precisionOf(b) },
    out: { vector: n % 4 === 0, precision: precisionOf(out) },
    epilogue: {
      bias: bias !== undefined,
      residual: residual !== undefined,
      factor: factor !== undefined,
      gelu: geluDerivative !== undefined,
    },
    rowSums: rowSums !== undefined,
  };
}

function addParts(
  gpu: GpuEngine,
  { m, n }: GemmSize,
  parts: TensorInfo,
  out: TensorInfo,
  rowSums: TensorInfo,
): void {
  const vector = m % 4 === 0 && n % 4 === 0;
  const invocations = (m * n + m) / (vector ? 4 : 1);
  const [splits, stride] = parts.shape as [number, number];
  dispatch(gpu, {
    key: `add parts ${vector ? 'vec4' : 'scalar'}`,
    wgsl: () => addPartsWgsl({ vector }),
    inputs: [parts],
    outputs: [out, rowSums],
    uniforms: [u32(m * n), u32(m), u32(stride), u32(splits)],
    workgroups: spread(Math.ceil(invocations / ADD_PARTS_INVOCATIONS)),
  });
}
