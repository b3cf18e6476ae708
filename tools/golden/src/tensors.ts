import { readFileSync } from 'node:fs';
import { uploadTree as uploadNamed } from '@maehem/train';
import { decodeSafetensors, type HostTensor } from '@maehem/weights';
import * as tf from '@tensorflow/tfjs-core';

/** Named host tensors of one file. */
export type NamedHostTensors = ReadonlyMap<string, HostTensor>;

/** Read a safetensors file whole. */
export function readTensors(path: string): NamedHostTensors {
  return new Map(Object.entries(decodeSafetensors(readFileSync(path), path).tensors));
}

/** The tensor of a name. @throws when the file lacks it. */
export function tensorNamed(tensors: NamedHostTensors, name: string): HostTensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`golden file lacks the tensor ${name}`);
  return tensor;
}

/** Upload floats. */
export function upload<T extends tf.Tensor>({ data, shape }: HostTensor): T {
  return tf.tensor(data as Float32Array, [...shape], 'float32') as T;
}

/** A fresh param tree on the device from the weights of a checkpoint: names are tree paths. */
export function uploadTree<Params>(weights: NamedHostTensors): Params {
  return uploadNamed<Params>(Object.fromEntries(weights));
}

/** [batch, channel, height, width], as PyTorch keeps images, to [batch, height, width, channel]. */
export function channelsLast({ data, shape }: HostTensor): tf.Tensor4D {
  return tf.tidy(() => {
    const images = tf.tensor4d(data as Float32Array, shape as [number, number, number, number]);
    return tf.transpose(images, [0, 2, 3, 1]);
  });
}
