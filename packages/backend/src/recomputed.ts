import { flatten, leaves } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { engineName, registerOnCurrentEngine } from './capture.js';
import { gradients } from './gradients.js';
import type { TensorTree } from './params.js';
import { tensorflowOps } from './tensorflow/ops.js';

/**
 * `forward(inputs, data)`, of which the tape keeps the inputs alone: everything in between is computed a second time
 * when its gradients are wanted, and is gone again with them (Chen et al. 2016, "Training Deep Nets with Sublinear
 * Memory Cost"). The same kernels on the same numbers: values and gradients are those of `forward` itself.
 * @param forward without chance of its own: what it draws must come in `data`
 * @param inputs what gradients are wanted for
 * @param data what it needs besides, such as the factors of drop path
 */
export function recomputed<Inputs extends TensorTree, Data extends TensorTree, Out extends tf.Tensor>(
  forward: (inputs: Inputs, data: Data) => Out,
  inputs: Inputs,
  data: Data,
): Out {
  const given = flatten<tf.Tensor, Inputs>(inputs);
  const others = flatten<tf.Tensor, Data>(data);
  const count = given.leaves.length;
  const run = (from: readonly tf.Tensor[], and: readonly tf.Tensor[]): Out =>
    forward(given.unflatten(from) as unknown as Inputs, others.unflatten(and) as unknown as Data);
  const op = tf.customGrad<tf.Tensor>((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    save([...given.leaves, ...others.leaves]);
    return {
      value: forward(inputs, data),
      gradFunc: (dy, saved) => {
        const again = saved.slice(0, count).map((tensor) => delayed(tensor, dy));
        const { value, grads } = gradients(() => run(again, saved.slice(count)), again, dy as Out);
        value.dispose();
        return grads.map((grad, index) => grad ?? tf.zerosLike(again[index]!));
      },
    };
  });
  return op(...leaves<tf.Tensor>(inputs)) as Out;
}

const DELAYED = 'MaehemDelayed';

/**
 * The same tensor, to compute from once `until` is there. Engines that run ops in the order in which they were
 * recorded need nothing for that. TensorFlow orders a graph anew, and would both begin the second computation at once
 * and see that it is the first one again.
 */
function delayed(x: tf.Tensor, until: tf.Tensor): tf.Tensor {
  if (engineName() !== 'tensorflow') return x;
  registerOnCurrentEngine(DELAYED, ({ inputs, backend }) => {
    const ops = tensorflowOps(backend);
    const [value, signal] = [ops.input(inputs['x']!), ops.input(inputs['until']!)];
    const [made] = ops.runKernel(() =>
      ops.region(
        [value, signal],
        () => [ops.unary('Identity', value)],
        (graph, [from, after], [to]) => {
          graph.bind(to!, graph.delayed(graph.ref(from!), graph.ref(after!), value.dtype));
          return true;
        },
      ),
    );
    return made!;
  });
  return tf.engine().runKernel(DELAYED, { x, until });
}
