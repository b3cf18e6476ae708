import {
  DataTypes,
  type GraphBuilder,
  graphAttribute,
  type RawTensor,
  type TensorFlowOps,
} from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { AdamwAttrs, AdamwInputs } from './inputs.js';

/** Op by op when eager; in a graph TensorFlow's own fused update of the variables. */
export function adamwTensorFlow(
  inputs: KernelRawTensors<AdamwInputs>,
  attrs: AdamwAttrs,
  ops: TensorFlowOps,
): RawTensor[] {
  const { param, m, v, grad, lr, correction1, correction2, gradScale } = inputs;
  return ops.region(
    [param, m, v, grad, lr, correction1, correction2, gradScale],
    () => adamwEager(inputs, attrs, ops),
    (graph, values, outputs) => adamwInPlace(graph, values, outputs, attrs),
    3,
  );
}

function adamwEager(
  { param, m, v, grad, lr, correction1, correction2, gradScale }: KernelRawTensors<AdamwInputs>,
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
  ops: TensorFlowOps,
): RawTensor[] {
  const g = ops.mul(grad, gradScale);
  const rate = ops.mul(lr, lrScale);
  const mean = ops.add(ops.mul(m, beta1), ops.mul(g, 1 - beta1));
  const square = ops.add(ops.mul(v, beta2), ops.mul(ops.unary('Square', g), 1 - beta2));
  const root = ops.binary('RealDiv', ops.unary('Sqrt', square), ops.unary('Sqrt', correction2));
  const step = ops.mul(ops.binary('RealDiv', rate, correction1), mean);
  const decay = ops.sub(ops.scalar(1), ops.mul(rate, weightDecay));
  return [ops.sub(ops.mul(param, decay), ops.binary('RealDiv', step, ops.add(root, eps))), mean, square];
}

/**
 * `ResourceApplyAdam` computes w -= lr √(1 - β2ᵗ) / (1 - β1ᵗ) · m / (√v + ε'). With ε' = ε √(1 - β2ᵗ) that is
 * PyTorch's update. The decoupled decay comes before it, in place too.
 */
function adamwInPlace(
  graph: GraphBuilder,
  values: readonly number[],
  outputs: readonly number[],
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
): boolean {
  const [param, m, v, grad, lr, correction1, correction2, gradScale] = values as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const variables = [param, m, v].map((input, i) => graph.variableOf(input, outputs[i]!));
  if (variables.some((variable) => variable === undefined)) return false;
  const [weights, first, second] = variables as NonNullable<(typeof variables)[number]>[];
  const type = { T: graphAttribute.type(DataTypes.float32) };
  const scalar = (value: number): string => graph.scalar(value);
  const one = scalar(1);
  const rate =
    lrScale === 1
      ? graph.ref(lr)
      : graph.cached(`rate ${lr} ${lrScale}`, () => graph.binary('Mul', graph.ref(lr), scalar(lrScale)));
  const power = (correction: number): string =>
    graph.cached(`power ${correction}`, () => graph.binary('Sub', one, graph.ref(correction)));
  const epsilon = graph.cached(`epsilon ${correction2} ${eps}`, () =>
    graph.binary('Mul', graph.node('Sqrt', [graph.ref(correction2)], type)[0], scalar(eps)),
  );
  const gradient =
    graph.constantScalar(gradScale) === 1
      ? graph.ref(grad)
      : graph.binary('Mul', graph.ref(grad), graph.ref(gradScale));
  const before: string[] = [graph.nodeOf(weights!.content)];
  if (weightDecay !== 0) {
    const factor = graph.cached(`decay ${rate} ${weightDecay}`, () =>
      graph.binary('Mul', rate, scalar(weightDecay)),
    );
    const lost = graph.binary('Mul', weights!.content, factor);
    before.push(
      graph.effect('AssignSubVariableOp', [weights!.handle, lost], {
        dtype: graphAttribute.type(DataTypes.float32),
      }),
    );
  }
  const update = graph.effect(
    'ResourceApplyAdam',
    [
      weights!.handle,
      first!.handle,
      second!.handle,
      power(correction1),
      power(correction2),
      rate,
      scalar(beta1),
      scalar(beta2),
      epsilon,
      gradient,
    ],
    { ...type, use_locking: graphAttribute.bool(false), use_nesterov: graphAttribute.bool(false) },
    before,
  );
  for (const [i, input] of [param, m, v].entries()) graph.updatedInPlace(input, outputs[i]!, update);
  return true;
}
