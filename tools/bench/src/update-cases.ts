import { accumulate, adamw } from '@maehem/kernels';
import {
  clipScale,
  globalNorm,
  initLossScale,
  lars,
  type Optimizer,
  sgd,
  stepLossScale,
} from '@maehem/optim';
import { uniform } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { data, type Input, type KernelCase, type KernelSizes } from './kernel-case.js';

/** What becomes of gradients: they are added up, measured, scaled, and update weights, of which none has a gradient. */
export function updateCases(sizes: KernelSizes): KernelCase[] {
  return [
    accumulateCase(sizes),
    ...normCases(sizes),
    adamwCase(sizes),
    momentumCase('SGD', sgd, sizes),
    momentumCase('LARS', lars, sizes),
  ];
}

/** Updates take over what they are given; a case goes on with its inputs. */
const own = (tensor: tf.Tensor | undefined): tf.Tensor => tf.clone(tensor!);

const scalar = (value: number): Input => ({ ...data(), values: () => Float32Array.of(value) });

function accumulateCase({ dim }: KernelSizes): KernelCase {
  return {
    name: 'gradient accumulation',
    inputs: [data(4 * dim, dim), data(4 * dim, dim)],
    run: (sum, x) => accumulate({ sum: own(sum), x: x! }, {}),
  };
}

function normCases({ dim }: KernelSizes): KernelCase[] {
  const inputs = [data(4 * dim, dim), data(dim), data(1, 1, dim)];
  return [
    {
      name: 'global norm, clipped',
      inputs,
      run: (...grads) => {
        const norm = globalNorm(Object.fromEntries(grads.entries()));
        return [norm, clipScale(norm, 1)];
      },
    },
    {
      name: 'loss scale',
      inputs,
      run: (...grads) => {
        const { gradNorm, gradScale, lossScale } = stepLossScale(
          initLossScale(2),
          globalNorm(Object.fromEntries(grads.entries())),
          {
            clipNorm: 1,
          },
        );
        return [gradNorm, gradScale, lossScale.scale, lossScale.good];
      },
    },
  ];
}

function adamwCase({ dim }: KernelSizes): KernelCase {
  const v: Input = { ...data(4 * dim, dim), values: (key) => uniform(key, 4 * dim * dim) };
  const weight = data(4 * dim, dim);
  return {
    name: 'AdamW',
    inputs: [weight, weight, v, weight, scalar(1e-3), scalar(0.1), scalar(0.05), scalar(0.5)],
    run: (param, m, square, grad, lr, correction1, correction2, gradScale) => {
      const taken = { param: own(param), m: own(m), v: own(square) };
      const scalars = { lr, correction1, correction2, gradScale } as Record<
        'lr' | 'correction1' | 'correction2' | 'gradScale',
        tf.Scalar
      >;
      const attrs = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05, lrScale: 1 };
      return adamw({ ...taken, grad: grad!, ...scalars }, attrs);
    },
  };
}

/** A matrix and a vector, which LARS treats otherwise. */
function momentumCase(
  name: string,
  rule: (options: Parameters<typeof sgd>[0]) => Optimizer,
  { dim, classes }: KernelSizes,
): KernelCase {
  const treatment = { lrScale: 1, weightDecay: 0.05 };
  const optimizer = rule({
    schedule: () => 0.1,
    treatments: { weight: treatment, bias: treatment },
  });
  const pair = [data(classes, dim), data(classes)];
  return {
    name,
    inputs: [...pair, ...pair, ...pair, scalar(0.1), scalar(0.5)],
    run: (weight, bias, dweight, dbias, weightMomentum, biasMomentum, lr, gradScale) => {
      const { params, state } = optimizer.update({
        params: { weight: own(weight), bias: own(bias) },
        grads: { weight: dweight!, bias: dbias! },
        state: { momentum: { weight: own(weightMomentum), bias: own(biasMomentum) } },
        scalars: { lr: lr as tf.Scalar },
        gradScale: gradScale as tf.Scalar,
      });
      return [...Object.values(params), ...Object.values(state['momentum']!)];
    },
  };
}
