import * as tf from '@tensorflow/tfjs-core';

/**
 * Reverse-mode differentiation on tfjs's tape. tfjs's own pass holds everything that the tape saved, and the
 * gradient of every value in between, until the last gradient is there; here each goes after its last use, so that a
 * step run op by op needs little more memory than a replayed one. On wasm, whose memory never shrinks, that run
 * decides how much a process takes.
 */

type TapeNode = ReturnType<typeof tf.engine>['state']['activeTape'][number];

/** A value and its gradients, `undefined` for what it does not depend on. The caller disposes all. */
export interface ValueAndGradients<Value extends tf.Tensor> {
  readonly value: Value;
  readonly grads: readonly (tf.Tensor | undefined)[];
}

/**
 * The value of `f` and its derivative for each of `xs`. First derivatives only; inside another pass's backward half
 * it has a tape of its own.
 * @param dy the derivative of whatever follows for the value, of its shape; ones unless given, and the caller's
 * @throws when an op on the way from an x to the value has no gradient.
 */
export function gradients<Value extends tf.Tensor>(
  f: () => Value,
  xs: readonly tf.Tensor[],
  dy?: Value,
): ValueAndGradients<Value> {
  const { value, tape } = record(f);
  const path = nodesBetween(tape, xs, value);
  const onPath = new Set(path.map(({ node }) => node));
  for (const node of tape) if (!onPath.has(node)) release(node);
  try {
    return { value, grads: tf.tidy(() => backpropagate(path, xs, value, dy) as tf.Tensor[]) };
  } finally {
    for (const node of tape) release(node);
  }
}

/** Run `f`, with what it does on a tape. */
function record<Value extends tf.Tensor>(f: () => Value): { value: Value; tape: readonly TapeNode[] } {
  const { state } = tf.engine();
  const { activeTape } = state;
  const tape: TapeNode[] = [];
  state.activeTape = tape;
  state.gradientDepth++;
  try {
    return { value: tf.tidy(f), tape };
  } catch (error) {
    for (const node of tape) release(node);
    throw error;
  } finally {
    state.gradientDepth--;
    state.activeTape = activeTape;
  }
}

function release({ saved = [] }: TapeNode): void {
  for (const tensor of saved) tensor.dispose();
}

/** An op between the xs and the value, and those of its inputs through which the xs reach it. */
interface PathNode {
  readonly node: TapeNode;
  readonly inputs: readonly (readonly [name: string, tensor: tf.Tensor])[];
}

/** What leads from the xs to y, in the order of the tape. */
function nodesBetween(tape: readonly TapeNode[], xs: readonly tf.Tensor[], y: tf.Tensor): PathNode[] {
  const fromX = new Set(xs.map(({ id }) => id));
  const reached = tape.flatMap((node) => {
    const inputs = Object.entries(node.inputs).filter(([, { id }]) => fromX.has(id));
    if (inputs.length === 0) return [];
    for (const { id } of node.outputs) fromX.add(id);
    return [{ node, inputs }];
  });
  const towardsY = new Set([y.id]);
  return reached
    .reverse()
    .filter(({ node, inputs }) => {
      const leads = node.outputs.some(({ id }) => towardsY.has(id));
      if (leads) for (const [, { id }] of inputs) towardsY.add(id);
      return leads;
    })
    .reverse();
}

function backpropagate(
  path: readonly PathNode[],
  xs: readonly tf.Tensor[],
  y: tf.Tensor,
  dy: tf.Tensor | undefined,
): (tf.Tensor | undefined)[] {
  const wanted = new Set(xs.map(({ id }) => id));
  const known = new Map<number, tf.Tensor>([[y.id, dy === undefined ? tf.ones(y.shape) : tf.clone(dy)]]);
  for (const { node, inputs } of path.toReversed()) {
    const grads = gradientsOf(node, inputs, known);
    for (const { id } of node.outputs) if (!wanted.has(id)) take(known, id)?.dispose();
    release(node);
    for (const [index, [, { id }]] of inputs.entries()) accumulate(known, id, grads[index]!);
  }
  return xs.map(({ id }) => known.get(id));
}

/** The gradients of a node's inputs, each a tensor of its own. */
function gradientsOf(
  { gradient, kernelName, outputs, saved = [] }: TapeNode,
  inputs: PathNode['inputs'],
  known: ReadonlyMap<number, tf.Tensor>,
): tf.Tensor[] {
  if (gradient === undefined) throw new Error(`${kernelName} has no gradient: the loss cannot depend on it`);
  return tf.tidy(() => {
    const dys = outputs.map(({ id }) => known.get(id));
    // tfjs makes zeros of an output's that nothing depends on.
    const made = gradient(dys as tf.Tensor[]);
    const others = new Set([...dys, ...saved]);
    return inputs.map(([name, input]) => {
      const grad = made[name]!();
      if (!tf.util.arraysEqual(grad.shape, input.shape))
        throw new Error(
          `${kernelName}: the gradient of input ${name} is [${grad.shape}], the input [${input.shape}]`,
        );
      return others.has(grad) ? tf.clone(grad) : grad;
    });
  });
}

function accumulate(known: Map<number, tf.Tensor>, id: number, grad: tf.Tensor): void {
  const before = take(known, id);
  if (before === undefined) {
    known.set(id, grad);
    return;
  }
  known.set(id, tf.add(before, grad));
  before.dispose();
  grad.dispose();
}

/** What a map has under a key, which then it has no more. */
function take(map: Map<number, tf.Tensor>, key: number): tf.Tensor | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}
