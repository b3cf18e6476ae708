import { hostMemory } from '@maehem/backend';
import type { NamedTensors } from '@maehem/optim';
import * as tf from '@tensorflow/tfjs-core';

/** Where each trainable parameter lies in a flat array that threads share; the same for weights and gradients. */
export interface ParameterLayout {
  /** In the model's order. */
  readonly slots: readonly {
    readonly path: string;
    readonly shape: readonly number[];
    readonly offset: number;
  }[];
  /** Floats in all slots. */
  readonly size: number;
}

export function parameterLayout(trainable: NamedTensors): ParameterLayout {
  let size = 0;
  const slots = Object.entries(trainable).map(([path, tensor]) => {
    const slot = { path, shape: tensor.shape, offset: size };
    size += tensor.size;
    return slot;
  });
  return { slots, size };
}

/** A flat array that all threads see. */
export function shareFloats({ size }: ParameterLayout): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(4 * size));
}

/** Copy tensors into the flat array. */
export function writeShared({ slots }: ParameterLayout, tensors: NamedTensors, shared: Float32Array): void {
  const memory = hostMemory(tf.backend());
  for (const { path, offset } of slots) shared.set(memory.view(tensors[path]!), offset);
}

/** Overwrite tensors, in their own memory, with what the flat array holds. */
export function readShared({ slots }: ParameterLayout, shared: Float32Array, tensors: NamedTensors): void {
  const memory = hostMemory(tf.backend());
  for (const { path, offset } of slots) {
    const tensor = tensors[path]!;
    memory.view(tensor).set(shared.subarray(offset, offset + tensor.size));
  }
}

/** New tensors: `own` plus every flat array, added in their order, so that sums have the same bits each time. */
export function addShared(
  { slots }: ParameterLayout,
  own: NamedTensors,
  others: readonly Float32Array[],
): NamedTensors {
  return Object.fromEntries(
    slots.map(({ path, shape, offset }) => {
      const parts = others.map((other) => other.subarray(offset, offset + own[path]!.size));
      return [path, tf.tidy(() => parts.reduce((sum, part) => add(sum, part, shape), own[path]!))];
    }),
  );
}

function add(sum: tf.Tensor, part: Float32Array, shape: readonly number[]): tf.Tensor {
  const memory = hostMemory(tf.backend());
  const more = memory.allocate(shape, 'float32');
  memory.view(more).set(part);
  return tf.add(sum, tf.engine().makeTensorFromTensorInfo(more));
}
