import { entries, flatten, leaves } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { assertShapes, type Captured } from '../capture.js';
import type { TensorTree } from '../params.js';
import { DataTypes, type TensorFlowEngine, tensorflowEngine } from './binding.js';
import { LoadedStep } from './loaded-step.js';
import { tensorflowOps } from './ops.js';
import { settings } from './settings.js';
import type { InputRole } from './step-graph.js';
import { type Trace, Tracer } from './trace.js';

/**
 * Capture for TensorFlow: the step becomes one graph, whose variables hold what goes from step to step, so that
 * a replay is one call of the C library. TensorFlow's own optimizer sees the whole step: it fuses, plans memory
 * and runs independent ops in parallel; with XLA it compiles it.
 */

/**
 * Record `step` by running it once, op by op, on `inputs`; build the graph; and take the outputs from that: a
 * step gives the same numbers whether it is the first of a program or not.
 */
export function captureGraph<Inputs extends TensorTree, Outputs extends TensorTree>(
  step: (inputs: Inputs) => Outputs,
  inputs: Inputs,
): Captured<Inputs, Outputs> {
  const engine = tensorflowEngine(tf.backend());
  const { trace, roles, unflatten } = record(engine, step, inputs);
  const loaded = new LoadedStep(engine, trace, roles, settings.xla);
  const shapes = trace.inputs.map((value) => [...trace.values[value]!.shape]);
  const program = {
    kernels: trace.instructions.map((instruction) => (instruction.kind === 'op' ? instruction.op : 'Region')),
    run: (given: Inputs): Outputs => {
      const tensors = leaves<tf.Tensor>(given);
      assertShapes(shapes, tensors);
      return unflatten(loaded.run(tensors));
    },
    dispose: () => loaded.dispose(),
  };
  return { program, outputs: program.run(inputs) };
}

function record<Inputs extends TensorTree, Outputs extends TensorTree>(
  engine: TensorFlowEngine,
  step: (inputs: Inputs) => Outputs,
  inputs: Inputs,
): { trace: Trace; roles: InputRole[]; unflatten: (tensors: readonly tf.Tensor[]) => Outputs } {
  const ops = tensorflowOps(engine);
  const given = entries<tf.Tensor>(inputs);
  const tracer = new Tracer(
    engine,
    given.map(([, tensor]) => ops.input(tensor)),
  );
  tracer.start();
  let outputs: Outputs;
  try {
    outputs = tf.tidy(() => step(inputs) as tf.TensorContainer) as Outputs;
  } finally {
    tracer.stop();
  }
  const { leaves: results, unflatten } = flatten<tf.Tensor, Outputs>(outputs);
  const trace = tracer.finish(results.map((tensor) => ops.input(tensor)));
  const roles = inputRoles(
    trace,
    given.map(([path]) => path),
    entries<tf.Tensor>(outputs).map(([path]) => path),
  );
  const own = new Set(given.map(([, tensor]) => tensor));
  tf.dispose(results.filter((tensor) => !own.has(tensor)));
  return { trace, roles, unflatten: unflatten as unknown as (tensors: readonly tf.Tensor[]) => Outputs };
}

/**
 * What each input is. One whose path ends in that of an output is carried: `params.trainable.head.bias` and
 * `trainable.head.bias`. Matrices and larger are held: the same parameter step after step is not moved, and a
 * new batch is one more assignment. This only decides what is fast: any tensor may be given at any time.
 */
function inputRoles(
  trace: Trace,
  inputPaths: readonly string[],
  outputPaths: readonly string[],
): InputRole[] {
  const outputs = new Map(outputPaths.map((path, index) => [path, index]));
  return inputPaths.map((path, index) => {
    const { dtype, shape } = trace.values[trace.inputs[index]!]!;
    const output = suffixes(path)
      .map((suffix) => outputs.get(suffix))
      .find((found) => found !== undefined && sameType(trace, trace.inputs[index]!, trace.outputs[found]!));
    if (output !== undefined) return { kind: 'carried', output };
    return dtype === DataTypes.float32 && shape.length >= 2 ? { kind: 'held' } : { kind: 'fed' };
  });
}

/** `a.b.c`, `b.c`, `c`. */
function suffixes(path: string): string[] {
  const parts = path.split('.');
  return parts.map((_, index) => parts.slice(index).join('.'));
}

function sameType(trace: Trace, a: number, b: number): boolean {
  const [one, other] = [trace.values[a]!, trace.values[b]!];
  return one.dtype === other.dtype && tf.util.arraysEqual([...one.shape], [...other.shape]);
}
