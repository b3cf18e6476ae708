import { entries, fromEntries, type Tree } from '@maehem/tree';
import { floatValues, type HostTensor, type Named } from '@maehem/weights';
import * as tf from '@tensorflow/tfjs-core';

/** Copy a tree of float tensors to the host, by dotted path: the names of the reference checkpoint. */
export async function downloadTree(tree: Tree<tf.Tensor>): Promise<Named<HostTensor>> {
  const list: [string, HostTensor][] = [];
  for (const [path, tensor] of entries(tree))
    list.push([
      path,
      { dtype: 'F32', shape: tensor.shape, data: ((await tensor.data()) as Float32Array).slice() },
    ]);
  return Object.fromEntries(list);
}

/** Upload named float tensors of any width, as float32, into a tree. */
export function uploadTree<T>(named: Named<HostTensor>): T {
  return fromEntries(
    Object.entries(named).map(([name, tensor]) => [name, uploadTensor(tensor)] as const),
  ) as T;
}

/** One float tensor of any width, as float32. */
export function uploadTensor(tensor: HostTensor): tf.Tensor {
  return tf.tensor(floatValues(tensor), [...tensor.shape], 'float32');
}
