import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { openScratch } from '../tuning/scratch.js';
import type { Trial, Tunable } from '../tuning/tunable.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import {
  chooseGemm,
  DIRECT_TILES,
  type GemmChoice,
  type GemmSize,
  type GemmTraits,
  GPU_TILES,
  gemmChoices,
} from './gemm-tiles.js';
import { type GemmCall, gemm, productWgsl } from './webgpu.js';

/** A product as something that can be tuned. */
export function tunableProduct(gpu: GpuEngine, call: GemmCall, traits: GemmTraits): Tunable<GemmChoice> {
  const device = gpuTraits(gpu);
  return {
    name: productName(call.size, traits),
    usual: () => chooseGemm(call.size, traits, device),
    candidates: () => gemmChoices(call.size, traits, device),
    inWords: ({ tile, splits }) => `${tile.m}x${tile.n}${splits > 1 ? ` in ${splits} parts` : ''}`,
    open: () => openProduct(gpu, call, traits),
  };
}

/** Whatever a product's time depends on. */
function productName({ batch, m, n, k }: GemmSize, { a, b, out, epilogue, rowSums }: GemmTraits): string {
  const layout = `${a.along === 'k' ? 'N' : 'T'}${b.along === 'k' ? 'T' : 'N'}`;
  const precisions = [a, b, out].map(({ precision }) => precision).join(' ');
  const extras = Object.entries({ ...epilogue, rowSums }).flatMap(([name, wanted]) => (wanted ? [name] : []));
  return ['product', `${batch}x${m}x${n}x${k}`, layout, precisions, ...extras].join(' ');
}

function openProduct(gpu: GpuEngine, call: GemmCall, traits: GemmTraits): Trial<GemmChoice> {
  const scratch = openScratch(gpu);
  const { a, b, out, bias, residual, factor, geluDerivative, rowSums } = call;
  const given = (info: TensorInfo | undefined) => info && scratch.numbers(info);
  const room = (info: TensorInfo | undefined) => info && scratch.room(info);
  const results = { out: scratch.room(out), geluDerivative: room(geluDerivative), rowSums: room(rowSums) };
  const own: GemmCall = {
    ...call,
    ...{ a: scratch.numbers(a), b: scratch.numbers(b) },
    ...{ bias: given(bias), residual: given(residual), factor: given(factor) },
    ...results,
  };
  return {
    run: (choice) => gemm(gpu, own, choice),
    results: Object.values(results).filter((info) => info !== undefined),
    tolerance: traits.out.precision === 'f32' ? 1e-4 : 2e-3,
    dispose: scratch.dispose,
  };
}

/** The text of every program that products may be tuned to, in the layouts of a linear layer and its gradients. */
export function productSources(): string[] {
  const operand = (along: 'k' | 'rows') => ({ along, vector: true, precision: 'f32' }) as const;
  const out = { vector: true, precision: 'f32' } as const;
  const layouts: readonly (GemmTraits & { readonly split?: boolean })[] = [
    { a: operand('k'), b: operand('k'), out, epilogue: { bias: true, gelu: true } },
    { a: operand('k'), b: operand('rows'), out, epilogue: { factor: true } },
    { a: operand('rows'), b: operand('rows'), out, epilogue: {}, rowSums: true },
  ];
  return [...GPU_TILES, ...DIRECT_TILES].flatMap((tile) =>
    layouts.map((traits) => productWgsl({ ...traits, tile })),
  );
}
