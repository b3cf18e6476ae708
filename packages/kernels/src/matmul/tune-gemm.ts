import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { halve, numbersShape, precisionOf } from '../half/half.js';
import { readHalves } from '../half/read-halves.js';
import { elements } from '../webgpu/dispatch.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import { chooseGemm, type GemmChoice, gemmChoices } from './gemm-tiles.js';
import { type GemmTuning, productName, watchProducts } from './gemm-tuning.js';
import { type GemmCall, gemm, programTraits } from './webgpu.js';

/** What tuning a product found. */
export interface TunedProduct {
  readonly name: string;
  /** The default's time, and the time of what is chosen. */
  readonly defaultMs: number;
  readonly chosenMs: number;
  readonly choice: GemmChoice;
  /** Candidates whose result was not the default's; they are never chosen. */
  readonly wrong: number;
}

/** A candidate must win by this much, or the default stays: clocks are noisy. */
const CLEARLY_FASTER = 0.95;
const ROUNDS = 5;
const RUNS = 8;
/** Of the largest entry of the default's result. */
const TOLERANCE = { f32: 1e-4, f16: 2e-3 } as const;

/**
 * Measure every tile for each product that `work` does, such as a training step. `work` must run op by op: what a
 * captured step replays is not seen.
 * @param report called with each product as it is done
 * @param candidates what could be chosen for a product
 */
export async function tuneGemm(
  gpu: GpuEngine,
  work: () => Promise<void>,
  report: (product: TunedProduct) => void,
  candidates: typeof gemmChoices = gemmChoices,
): Promise<GemmTuning> {
  const tuning: Record<string, GemmChoice> = {};
  for (const call of await watchProducts(gpu, work)) {
    const product = await tuneProduct(gpu, call, candidates);
    report(product);
    tuning[product.name] = product.choice;
  }
  return tuning;
}

async function tuneProduct(
  gpu: GpuEngine,
  watched: GemmCall,
  candidates: typeof gemmChoices,
): Promise<TunedProduct> {
  const traits = programTraits(watched);
  const device = gpuTraits(gpu);
  const { call, outputs, dispose } = copyOf(gpu, watched);
  try {
    const usual = chooseGemm(call.size, traits, device);
    gemm(gpu, call, usual);
    const expected = await Promise.all(outputs.map(numbersOf));
    const defaultMs = await time(gpu, call, usual);
    let [choice, chosenMs, wrong] = [usual, defaultMs, 0];
    for (const candidate of candidates(call.size, traits, device)) {
      if (JSON.stringify(candidate) === JSON.stringify(usual)) continue;
      gemm(gpu, call, candidate);
      const made = await Promise.all(outputs.map(numbersOf));
      if (!made.every((values, index) => near(values, expected[index]!, TOLERANCE[traits.out.precision]))) {
        wrong++;
        continue;
      }
      const ms = await time(gpu, call, candidate);
      if (ms < Math.min(chosenMs, defaultMs * CLEARLY_FASTER)) [choice, chosenMs] = [candidate, ms];
    }
    return { name: productName(call.size, traits), defaultMs, chosenMs, choice, wrong };
  } finally {
    dispose();
  }
}

/** The same call on tensors of its own: outputs are read, and the step's may be gone by now. */
function copyOf(
  gpu: GpuEngine,
  watched: GemmCall,
): { call: GemmCall; outputs: tf.Tensor[]; dispose: () => void } {
  const made: tf.Tensor[] = [];
  const own = (info: TensorInfo, tensor: tf.Tensor): TensorInfo => {
    made.push(tensor);
    return { dataId: tensor.dataId, shape: info.shape, dtype: info.dtype };
  };
  const waves = (info: TensorInfo): TensorInfo => {
    const numbers = tf.tidy(() => tf.sin(tf.range(0, elements({ ...info, shape: numbersShape(info) }))));
    if (precisionOf(info) === 'f32') return own(info, numbers);
    const [halves] = halve(gpu, [numbers]);
    numbers.dispose();
    return own(info, tf.engine().makeTensorFromTensorInfo(halves!));
  };
  const random = (info: TensorInfo | undefined) => info && waves(info);
  const zeros = (info: TensorInfo | undefined) =>
    info && own(info, tf.zeros(info.shape, info.dtype as 'float32' | 'int32'));
  const { a, b, out, bias, residual, factor, geluDerivative, rowSums } = watched;
  const inputs = {
    a: random(a)!,
    b: random(b)!,
    bias: random(bias),
    residual: random(residual),
    factor: random(factor),
  };
  const first = made.length;
  const results = { out: zeros(out)!, geluDerivative: zeros(geluDerivative), rowSums: zeros(rowSums) };
  return {
    call: { ...watched, ...inputs, ...results },
    outputs: made.slice(first),
    dispose: () => tf.dispose(made),
  };
}

async function numbersOf(tensor: tf.Tensor): Promise<ArrayLike<number>> {
  const data = await tensor.data();
  return precisionOf(tensor) === 'f32' ? data : readHalves(data);
}

/** Within the tolerance of the largest number, none of them no number. */
function near(values: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): boolean {
  const numbers = Array.from(expected);
  const largest = numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return numbers.every((value, index) => Math.abs(values[index]! - value) <= tolerance * largest);
}

/** The best time of a run, several of which go to the GPU at once. */
async function time(gpu: GpuEngine, call: GemmCall, choice: GemmChoice): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    await gpu.device.queue.onSubmittedWorkDone();
    const start = performance.now();
    for (let run = 0; run < RUNS; run++) gemm(gpu, call, choice);
    gpu.submit();
    await gpu.device.queue.onSubmittedWorkDone();
    best = Math.min(best, (performance.now() - start) / RUNS);
  }
  return best;
}
