import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { type TensorFlowEngine, type TensorRecord, tfjsType } from './binding.js';
import { ResidentRecord, residentRecord, type VariableStore } from './resident.js';
import { type GraphDef, SAVED_MODEL_TAG, writeSavedModel } from './saved-model.js';
import { fetchedOutputs, type InputRole, names, stepGraph } from './step-graph.js';
import type { Trace } from './trace.js';

/** A variable of the graph, and the tensors that stand for its content outside. */
interface Slot {
  /** The input that it is. */
  readonly input: number;
  /** The output that it becomes with a step; none for a tensor that is held. */
  readonly output: number | undefined;
  /** What the variable was set from, if that is still its content. */
  source: object | undefined;
  /** What was last handed out for its content. */
  handedOut: ResidentRecord | undefined;
}

/** A recorded step as a graph inside a session of the C library, with its variables. */
export class LoadedStep implements VariableStore {
  version = 0;
  private readonly engine: TensorFlowEngine;
  private readonly trace: Trace;
  private readonly session: number;
  private readonly updated: ReadonlySet<number>;
  private readonly slots: readonly Slot[];
  private readonly fed: readonly number[];
  private readonly fetched: readonly number[];
  private readonly feedNames: string;
  private readonly fetchNames: string;

  constructor(engine: TensorFlowEngine, trace: Trace, roles: readonly InputRole[], xla: boolean) {
    this.engine = engine;
    this.trace = trace;
    const { definition, updated } = stepGraph(trace, roles, engine.binding, xla);
    this.session = load(engine, definition);
    this.updated = updated;
    const all = roles.map((role, input) => ({ role, input }));
    this.fed = all.filter(({ role }) => role.kind === 'fed').map(({ input }) => input);
    this.slots = all
      .filter(({ role }) => role.kind !== 'fed')
      .map(({ role, input }) => ({
        input,
        output: role.kind === 'carried' ? role.output : undefined,
        source: undefined,
        handedOut: undefined,
      }));
    this.fetched = fetchedOutputs(trace, roles);
    this.feedNames = this.fed.map((i) => `${names.feed(i)}:0`).join(',');
    this.fetchNames = [...this.fetched.map((j) => `${names.output(j)}:0`), `${names.done}:0`].join(',');
  }

  /** One step. Inputs that live in variables of this graph are not moved. */
  run(inputs: readonly tf.Tensor[]): tf.Tensor[] {
    const { engine, trace } = this;
    this.keepHeldContents(inputs);
    this.setVariables(inputs);
    const ids = engine.getInputTensorIds(this.fed.map((i) => inputs[i]!));
    const made = engine.binding.runSavedModel(this.session, ids, this.feedNames, this.fetchNames);
    engine.binding.deleteTensor(made.pop()!.id);
    this.version++;
    const outputs = new Array<tf.Tensor>(trace.outputs.length);
    for (const [index, j] of this.fetched.entries()) {
      const { id, shape, dtype } = made[index]!;
      outputs[j] = this.tensor({ id, shape, dtype, values: null, refCount: 1 });
    }
    for (const [index, slot] of this.slots.entries()) {
      if (slot.output === undefined) continue;
      const { shape, dtype } = trace.values[trace.outputs[slot.output]!]!;
      const record = new ResidentRecord(this, index, shape, dtype);
      slot.source = undefined;
      slot.handedOut = record;
      outputs[slot.output] = this.tensor(record);
    }
    return outputs;
  }

  /** The content of a variable, as a tensor of the binding. */
  read(variable: number): number {
    const { input } = this.slots[variable]!;
    const [content] = this.engine.binding.runSavedModel(this.session, [], '', `${names.get(input)}:0`);
    return content!.id;
  }

  /** Free the graph. Tensors that live in it become ordinary ones first. */
  dispose(): void {
    for (const { handedOut } of this.slots) if (isAlive(handedOut)) handedOut.id;
    this.engine.binding.deleteSavedModel(this.session);
  }

  private tensor(record: TensorRecord): tf.Tensor {
    const dataId = {};
    const { shape, dtype } = record;
    this.engine.tensorMap.set(dataId, record);
    const info = { dataId, shape: [...shape], dtype: tfjsType(dtype) };
    return tf.engine().makeTensorFromTensorInfo(info, tf.backend());
  }

  /** Somebody else's hold on a variable's content must outlive the step: it becomes an ordinary tensor. */
  private keepHeldContents(inputs: readonly tf.Tensor[]): void {
    for (const { input, output, handedOut } of this.slots) {
      if (output === undefined || !isAlive(handedOut)) continue;
      const consumed = residentRecord(this.engine, inputs[input]!.dataId) === handedOut ? 1 : 0;
      if (handedOut.refCount > consumed) handedOut.id;
    }
  }

  /** Bring tensors that came from elsewhere into their variables. */
  private setVariables(inputs: readonly tf.Tensor[]): void {
    const { engine } = this;
    const foreign = this.slots.filter(({ input, source, handedOut }) => {
      const { dataId } = inputs[input]!;
      const record = residentRecord(engine, dataId);
      return dataId !== source && (record === undefined || record !== handedOut || !record.isCurrent);
    });
    if (foreign.length === 0) return;
    const ids = engine.getInputTensorIds(foreign.map(({ input }) => inputs[input]!));
    const feeds = foreign.map(({ input }) => `${names.set(input)}:0`).join(',');
    const fetches = foreign.map(({ input }) => `${names.isSet(input)}:0`).join(',');
    for (const { id } of engine.binding.runSavedModel(this.session, ids, feeds, fetches))
      engine.binding.deleteTensor(id);
    for (const slot of foreign) {
      const { dataId } = inputs[slot.input]!;
      slot.handedOut = this.updated.has(slot.input) ? this.moveIn(slot, dataId) : undefined;
      slot.source = slot.handedOut === undefined ? dataId : undefined;
    }
  }

  /**
   * A tensor that the step is about to update lives in its variable from now on: were it held twice, TensorFlow would
   * copy it first. One that somebody else holds, too, stays where it is.
   */
  private moveIn(slot: Slot, dataId: object): ResidentRecord | undefined {
    const { tensorMap, binding } = this.engine;
    const { id, shape, dtype, refCount } = tensorMap.get(dataId);
    if (refCount > 1) return undefined;
    const record = new ResidentRecord(this, this.slots.indexOf(slot), shape, dtype);
    tensorMap.set(dataId, record);
    binding.deleteTensor(id);
    return record;
  }
}

function isAlive(record: ResidentRecord | undefined): record is ResidentRecord {
  return record !== undefined && record.refCount > 0 && record.isCurrent;
}

/** Write the graph to a temporary folder, and load it. */
function load(engine: TensorFlowEngine, graph: GraphDef): number {
  const folder = mkdtempSync(join(tmpdir(), 'maehem-graph-'));
  try {
    writeSavedModel(folder, graph);
    return engine.binding.loadSavedModel(folder, SAVED_MODEL_TAG);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
