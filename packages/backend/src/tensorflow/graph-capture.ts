import { flatten, leaves } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { assertShapes, type Captured } from '../capture.js';
import type { TensorTree } from '../params.js';
import { type TensorFlowEngine, tensorflowEngine } from './binding.js';
import { LoadedStep } from './loaded-step.js';
import type { RawTensor } from './ops.js';
import { settings } from './settings.js';
import type { InputRole } from './step-graph.js';
import { type Trace, Tracer } from './trace.js';

/**
 * Capture for TensorFlow: the step becomes one graph, whose variables hold what goes from step to step, so that
 * a replay is one call of the C library. TensorFlow's own optimizer sees the whole step: it fuses, plans memory
 * and runs independent ops in parallel; with XLA it compiles it.
 */

/** Run `step` once on `inputs`, eagerly, and record it as a graph, which is built at the first replay. */
export function captureGraph<Inputs extends TensorTree, Outputs extends TensorTree>(
  step: (inputs: Inputs) => Outputs,
  inputs: Inputs,
): Captured<Inputs, Outputs> {
  const engine = tensorflowEngine(tf.backend());
  const given = leaves<tf.Tensor>(inputs);
  const tracer = new Tracer(
    engine,
    given.map((tensor) => raw(engine, tensor)),
  );
  tracer.start();
  let outputs: Outputs;
  try {
    outputs = tf.tidy(() => step(inputs) as tf.TensorContainer) as Outputs;
  } finally {
    tracer.stop();
  }
  const { leaves: results, unflatten } = flatten<tf.Tensor, Outputs>(outputs);
  const trace = tracer.finish(results.map((tensor) => raw(engine, tensor)));
  const first = { inputs: given.map(({ dataId }) => dataId), outputs: results.map(({ dataId }) => dataId) };
  const { xla } = settings;
  let loaded: LoadedStep | undefined;
  const program = {
    kernels: trace.instructions.map((instruction) => (instruction.kind === 'op' ? instruction.op : 'Region')),
    run: (given: Inputs): Outputs => {
      const tensors = leaves<tf.Tensor>(given);
      assertShapes(
        trace.inputs.map((value) => [...trace.values[value]!.shape]),
        tensors,
      );
      loaded ??= new LoadedStep(engine, trace, inputRoles(trace, first, tensors), xla);
      return unflatten(loaded.run(tensors)) as unknown as Outputs;
    },
    dispose: () => {
      loaded?.dispose();
      loaded = undefined;
    },
  };
  return { program, outputs };
}

/**
 * What each input is, from how it comes back at the first replay: an output of the first run is carried, the
 * first run's own input is held. This only decides what is fast: any tensor may be given at any time.
 */
function inputRoles(
  trace: Trace,
  first: { readonly inputs: readonly object[]; readonly outputs: readonly object[] },
  tensors: readonly tf.Tensor[],
): InputRole[] {
  return tensors.map(({ dataId, dtype }, index) => {
    const output = first.outputs.indexOf(dataId);
    if (output >= 0 && sameType(trace, trace.inputs[index]!, trace.outputs[output]!))
      return { kind: 'carried', output };
    return dtype === 'float32' && dataId === first.inputs[index] ? { kind: 'held' } : { kind: 'fed' };
  });
}

function sameType(trace: Trace, a: number, b: number): boolean {
  const [one, other] = [trace.values[a]!, trace.values[b]!];
  return one.dtype === other.dtype && tf.util.arraysEqual([...one.shape], [...other.shape]);
}

function raw(engine: TensorFlowEngine, tensor: tf.TensorInfo): RawTensor {
  const [id] = engine.getInputTensorIds([tensor]);
  return { id: id!, shape: tensor.shape, dtype: engine.tensorMap.get(tensor.dataId).dtype };
}
