import type { HostMemory } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { LayerNormGradInputs, LayerNormInputs } from './inputs.js';

/** One pass over each row for the mean, one for the variance, one to write: sums in float64. */
export function layerNormForwardHost(
  { x, weight, bias }: KernelInfos<LayerNormInputs>,
  { eps }: { eps: number },
  memory: HostMemory,
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = x.shape.reduce((product, n) => product * n, 1) / features;
  const outputs = [
    memory.allocate(x.shape, 'float32'),
    memory.allocate([rows], 'float32'),
    memory.allocate([rows], 'float32'),
  ];
  const [y, means, rstds] = outputs.map((info) => floats(memory, info)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const input = floats(memory, x);
  const scale = floats(memory, weight);
  const shift = floats(memory, bias);
  for (let row = 0; row < rows; row++) {
    const start = row * features;
    let sum = 0;
    for (let i = 0; i < features; i++) sum += input[start + i]!;
    const mean = sum / features;
    let squares = 0;
    for (let i = 0; i < features; i++) {
      const centred = input[start + i]! - mean;
      squares += centred * centred;
    }
    const rstd = 1 / Math.sqrt(squares / features + eps);
    for (let i = 0; i < features; i++)
      y[start + i] = (input[start + i]! - mean) * rstd * scale[i]! + shift[i]!;
    means[row] = mean;
    rstds[row] = rstd;
  }
  return outputs;
}

/** dx needs two sums a row; dweight and dbias gather over the rows, in float64. */
export function layerNormBackwardHost(
  { dy, x, weight, mean, rstd }: KernelInfos<LayerNormGradInputs>,
  _attrs: Record<string, never>,
  memory: HostMemory,
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = mean.shape[0]!;
  const outputs = [
    memory.allocate(x.shape, 'float32'),
    memory.allocate([features], 'float32'),
    memory.allocate([features], 'float32'),
  ];
  const [dx, dweight, dbias] = outputs.map((info) => floats(memory, info)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const gradient = floats(memory, dy);
  const input = floats(memory, x);
  const scale = floats(memory, weight);
  const means = floats(memory, mean);
  const rstds = floats(memory, rstd);
  const weightSums = new Float64Array(features);
  const biasSums = new Float64Array(features);
  for (let row = 0; row < rows; row++) {
    const start = row * features;
    const m = means[row]!;
    const r = rstds[row]!;
    let sum = 0;
    let projection = 0;
    for (let i = 0; i < features; i++) {
      const g = gradient[start + i]!;
      const normalised = (input[start + i]! - m) * r;
      const scaled = g * scale[i]!;
      sum += scaled;
      projection += scaled * normalised;
      weightSums[i]! += g * normalised;
      biasSums[i]! += g;
    }
    sum /= features;
    projection /= features;
    for (let i = 0; i < features; i++) {
      const normalised = (input[start + i]! - m) * r;
      dx[start + i] = (gradient[start + i]! * scale[i]! - sum - normalised * projection) * r;
    }
  }
  dweight.set(weightSums);
  dbias.set(biasSums);
  return outputs;
}
