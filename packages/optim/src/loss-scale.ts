import type { GpuEngine } from '@maehem/backend';
import { defineKernel, dispatch, f32, type Kernel, type KernelInfos } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerState } from './optimizer.js';

/**
 * Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), for gradients that pass through half precision:
 * the gradient of the loss starts as `scale` in place of 1, so that what comes of it is not lost below 2^-24, and
 * the update divides by it again. A step whose gradients overflow is skipped and halves the scale; so many good
 * ones in a row double it. All of it on the device: no step waits for the host to look.
 *
 * The scale and the count are optimizer state, a slot of their own, so that checkpoints keep them. A skipped step
 * counts as a step: the schedule, Adam's bias corrections and the order of images go on.
 */

/** The slot of the optimizer's state, and what is in it. */
export const LOSS_SCALE_SLOT = 'lossScale';
export const LOSS_SCALE_PATHS: readonly string[] = ['scale', 'good'];

/** PyTorch's `GradScaler`'s choice: where the scale starts, and good steps before it doubles. */
const FIRST_SCALE = 2 ** 16;
const GROWTH_INTERVAL = 2000;

/** Beyond this no float16 gradient would be left that does not overflow; below 1 it is not the scale's fault. */
const LARGEST_SCALE = 2 ** 24;
const SMALLEST_SCALE = 1;

/** The scale, and good steps since it changed; scalars. */
export type LossScale = { readonly scale: tf.Scalar; readonly good: tf.Scalar };

/** A fresh loss scale. */
export function initLossScale(scale: number = FIRST_SCALE): LossScale {
  return { scale: tf.scalar(scale), good: tf.scalar(0) };
}

/** The loss scale in an optimizer's state, if it has one. */
export function lossScaleOf(state: OptimizerState): LossScale | undefined {
  return state[LOSS_SCALE_SLOT] as LossScale | undefined;
}

type LossScaleInputs = { norm: tf.Scalar; scale: tf.Scalar; good: tf.Scalar };

type LossScaleAttrs = {
  /** Factor on the gradients apart from the scale: one over the number of accumulated batches. */
  average: number;
  /** Largest global norm, or 0 for no clipping. */
  clipNorm: number;
  growthInterval: number;
};

/** norm of the scaled gradients, scale, good → [norm, gradScale, scale, good]. Consumes scale and good. */
const lossScaleKernel: Kernel<LossScaleInputs, LossScaleAttrs> = defineKernel({
  name: 'MaehemLossScale',
  updates: ['scale', 'good'],
  webgpu: lossScaleWebGpu,
  composite: (inputs: LossScaleInputs, attrs: LossScaleAttrs) =>
    tf.tidy(() => lossScaleComposite(inputs, attrs)),
});

/** What one step does with its loss scale. */
export type ScaledStep = {
  /** The norm of the gradients without their scale; infinite where the step is skipped. */
  readonly gradNorm: tf.Scalar;
  /** The factor on the scaled gradients, with the average and clipping in it; 0 where the step is skipped. */
  readonly gradScale: tf.Scalar;
  readonly lossScale: LossScale;
};

/**
 * Look at the norm of all scaled gradients, and go on.
 * Consumes the scale, as an optimizer does its state.
 */
export function stepLossScale(
  { scale, good }: LossScale,
  norm: tf.Scalar,
  {
    average = 1,
    clipNorm = null,
    growthInterval = GROWTH_INTERVAL,
  }: { average?: number; clipNorm?: number | null; growthInterval?: number } = {},
): ScaledStep {
  const attrs = { average, clipNorm: clipNorm ?? 0, growthInterval };
  const [gradNorm, gradScale, nextScale, nextGood] = lossScaleKernel({ norm, scale, good }, attrs) as [
    tf.Scalar,
    tf.Scalar,
    tf.Scalar,
    tf.Scalar,
  ];
  return { gradNorm, gradScale, lossScale: { scale: nextScale, good: nextGood } };
}

/** The largest float32; what is not below it is infinite, or no number. */
const LARGEST = 3.4028234663852886e38;

function lossScaleComposite(
  { norm, scale, good }: LossScaleInputs,
  { average, clipNorm, growthInterval }: LossScaleAttrs,
): tf.Tensor[] {
  const finite = tf.less(norm, LARGEST);
  const factor = tf.div(average, scale);
  const gradNorm = tf.where(finite, tf.mul(norm, factor), Number.POSITIVE_INFINITY);
  const clipped =
    clipNorm === 0 ? factor : tf.mul(factor, tf.minimum(tf.div(clipNorm, tf.add(gradNorm, 1e-6)), 1));
  const count = tf.add(good, 1);
  const grows = tf.greaterEqual(count, growthInterval);
  const grown = tf.where(grows, tf.minimum(tf.mul(scale, 2), LARGEST_SCALE), scale);
  const shrunk = tf.maximum(tf.mul(scale, 0.5), SMALLEST_SCALE);
  const zero = tf.zerosLike(count);
  return [
    gradNorm,
    tf.where(finite, clipped, zero),
    tf.where(finite, grown, shrunk),
    tf.where(finite, tf.where(grows, zero, count), zero),
  ];
}

function lossScaleWebGpu(
  { norm, scale, good }: KernelInfos<LossScaleInputs>,
  { average, clipNorm, growthInterval }: LossScaleAttrs,
  gpu: GpuEngine,
): tf.TensorInfo[] {
  const outputs = [
    gpu.allocate([], 'float32'),
    gpu.allocate([], 'float32'),
    gpu.updatable(scale),
    gpu.updatable(good),
  ];
  dispatch(gpu, {
    key: 'loss scale',
    wgsl: lossScaleWgsl,
    inputs: [norm],
    outputs,
    uniforms: [f32(average), f32(clipNorm), f32(growthInterval)],
    workgroups: [1],
  });
  return outputs;
}

/** WGSL may assume that there are no infinities: they are looked for, and written, as bits. */
function lossScaleWgsl(): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> norm_bits: u32;
@group(0) @binding(1) var<storage, read_write> grad_norm_bits: u32;
@group(0) @binding(2) var<storage, read_write> grad_scale: f32;
@group(0) @binding(3) var<storage, read_write> scale: f32;
@group(0) @binding(4) var<storage, read_write> good: f32;
struct Options { average: f32, clip_norm: f32, growth_interval: f32 }
@group(0) @binding(5) var<uniform> options: Options;
const INFINITY_BITS = 0x7f800000u;
@compute @workgroup_size(1)
fn main() {
  if ((norm_bits & INFINITY_BITS) == INFINITY_BITS) {
    grad_norm_bits = INFINITY_BITS;
    grad_scale = 0;
    scale = max(scale * 0.5, ${SMALLEST_SCALE});
    good = 0;
    return;
  }
  let factor = options.average / scale;
  let norm = bitcast<f32>(norm_bits) * factor;
  grad_norm_bits = bitcast<u32>(norm);
  grad_scale = factor;
  if (options.clip_norm > 0) { grad_scale = factor * min(options.clip_norm / (norm + 1e-6), 1); }
  good += 1;
  if (good >= options.growth_interval) {
    scale = min(scale * 2, ${LARGEST_SCALE});
    good = 0;
  }
}`;
}
