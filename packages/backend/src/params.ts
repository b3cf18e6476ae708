import { leaves, map, type Tree } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';

/** A tree of tensors. */
export type TensorTree = Tree<tf.Tensor>;

/** Run `fn` and dispose every tensor made inside, except those in the returned tree. */
export function tidy<T extends TensorTree | undefined>(fn: () => T): T {
  return tf.tidy(fn as () => tf.TensorContainer) as T;
}

/** Dispose every tensor of a tree. */
export function dispose(tree: TensorTree): void {
  for (const tensor of leaves<tf.Tensor>(tree)) tensor.dispose();
}

/** Take the tensors of a tree out of the surrounding tidy: they live until they are disposed by hand. */
export function keep<T extends TensorTree>(tree: T): T {
  for (const tensor of leaves<tf.Tensor>(tree)) tf.keep(tensor);
  return tree;
}

/** A tree with the same tensors behind new handles, each to be disposed on its own. */
export function clone<T extends TensorTree>(tree: T): T {
  return map(tree, (tensor: tf.Tensor) => tf.clone(tensor)) as unknown as T;
}

/** Number of scalars in all leaves. */
export function parameterCount(tree: Tree<{ readonly size: number }>): number {
  return leaves(tree).reduce((sum, leaf) => sum + leaf.size, 0);
}
