import { DataTypes, type TensorFlowBinding } from './binding.js';
import { attr, GraphBuilder, type GraphValue, nodeAttributes } from './graph-builder.js';
import type { FunctionDef, GraphDef, NodeDef } from './saved-model.js';
import type { Trace, TracedInstruction } from './trace.js';

/**
 * What an input of a step is to its graph.
 * `fed`: given with every call. `held`: the same tensor with every call, such as a frozen parameter, kept in a
 * variable. `carried`: what the step before left in an output, such as a parameter in training; kept in a
 * variable that the step updates.
 */
export type InputRole =
  | { readonly kind: 'fed' }
  | { readonly kind: 'held' }
  | { readonly kind: 'carried'; readonly output: number };

/** Names of the nodes by which a graph is fed and fetched; for input or output `i`. */
export const names = {
  feed: (i: number): string => `x${i}`,
  set: (i: number): string => `set${i}`,
  isSet: (i: number): string => `isset${i}`,
  get: (i: number): string => `get${i}`,
  output: (i: number): string => `out${i}`,
  done: 'done',
};

const STEP = 'maehem_step';

/** A graph, and the inputs of its step, by number, that it updates in their variables. */
export interface StepGraph {
  readonly definition: GraphDef;
  readonly updated: ReadonlySet<number>;
}

/** The graph of a step. With `xla` the step is a function that XLA compiles, else its ops stand in the graph. */
export function stepGraph(
  trace: Trace,
  roles: readonly InputRole[],
  binding: TensorFlowBinding,
  xla: boolean,
): StepGraph {
  const main = new GraphBuilder('graph', 'm');
  const handles = declareInputs(main, trace, roles);
  const body = xla ? new GraphBuilder('function', 'n') : main;
  const argument = (i: number): GraphValue =>
    xla ? names.feed(i) : (handles.get(i) ?? `${names.feed(i)}:0`);
  emitStep(body, trace, roles, argument, binding);
  const updated = new Set(trace.inputs.flatMap((value, i) => (body.isUpdatedInPlace(value) ? [i] : [])));
  const fetched = fetchedOutputs(trace, roles);
  const done = body.node('Const', [], scalarZero(), {
    after: body.effects,
    ...(xla ? {} : { name: names.done }),
  })[0];
  if (!xla) {
    for (const j of fetched) emitOutput(main, trace, j, body.ref(trace.outputs[j]!), body.effects);
    return { definition: { nodes: main.nodes, functions: [] }, updated };
  }
  const definition = defineFunction(
    body.nodes,
    trace,
    roles,
    fetched,
    (j) => body.ref(trace.outputs[j]!),
    done,
  );
  callFunction(main, trace, roles, handles, fetched);
  return { definition: { nodes: main.nodes, functions: [definition] }, updated };
}

/** The outputs that a call returns; carried ones stay in their variables. */
export function fetchedOutputs(trace: Trace, roles: readonly InputRole[]): number[] {
  const carried = new Set(roles.flatMap((role) => (role.kind === 'carried' ? [role.output] : [])));
  return trace.outputs.map((_, j) => j).filter((j) => !carried.has(j));
}

/** Placeholders for what is fed; for the others variables, and nodes that set and get them. */
function declareInputs(
  graph: GraphBuilder,
  trace: Trace,
  roles: readonly InputRole[],
): Map<number, GraphValue> {
  const handles = new Map<number, GraphValue>();
  for (const [i, role] of roles.entries()) {
    const { shape, dtype } = trace.values[trace.inputs[i]!]!;
    const described = { dtype: attr.type(dtype), shape: attr.shape(shape) };
    if (role.kind === 'fed') {
      graph.node('Placeholder', [], described, { name: names.feed(i) });
      continue;
    }
    const [handle] = graph.node('VarHandleOp', [], { ...described, shared_name: attr.text(`v${i}`) });
    handles.set(i, handle);
    const type = { dtype: attr.type(dtype) };
    const [value] = graph.node('Placeholder', [], described, { name: names.set(i) });
    const assigned = graph.statement('AssignVariableOp', [handle, value], type);
    graph.node('Const', [], scalarZero(), { name: names.isSet(i), after: [assigned] });
    graph.node('ReadVariableOp', [handle], type, { name: names.get(i) });
  }
  return handles;
}

function scalarZero(): NodeDef['attr'] {
  return {
    dtype: attr.type(DataTypes.int32),
    value: { tensor: { dtype: DataTypes.int32, tensorShape: { dim: [] }, tensorContent: new Uint8Array(4) } },
  };
}

/** Everything that the step does. */
function emitStep(
  graph: GraphBuilder,
  trace: Trace,
  roles: readonly InputRole[],
  argument: (i: number) => GraphValue,
  binding: TensorFlowBinding,
): void {
  const reads = new Map<number, GraphValue>();
  for (const [i, role] of roles.entries()) {
    const value = trace.inputs[i]!;
    if (role.kind === 'fed') {
      graph.bind(value, argument(i));
      continue;
    }
    const dtype = trace.values[value]!.dtype;
    const [content] = graph.node('ReadVariableOp', [argument(i)], { dtype: attr.type(dtype) });
    reads.set(i, content);
    graph.bind(value, content);
    if (role.kind === 'carried')
      graph.carry(value, trace.outputs[role.output]!, { handle: argument(i), content });
  }
  for (const [index, value] of trace.values.entries())
    if (value.constant !== undefined) graph.bindConstant(index, value.shape, value.dtype, value.constant);
  for (const instruction of trace.instructions) emitInstruction(graph, instruction, binding);
  for (const [i, role] of roles.entries()) {
    if (role.kind !== 'carried') continue;
    const output = trace.outputs[role.output]!;
    if (graph.isUpdatedInPlace(trace.inputs[i]!)) continue;
    const { dtype } = trace.values[output]!;
    graph.effect(
      'AssignVariableOp',
      [argument(i), graph.ref(output)],
      { dtype: attr.type(dtype) },
      // What is read before the step must be read before it is overwritten.
      [graph.nodeOf(reads.get(i)!)],
    );
  }
}

function emitInstruction(
  graph: GraphBuilder,
  instruction: TracedInstruction,
  binding: TensorFlowBinding,
): void {
  const { inputs, outputs } = instruction;
  if (instruction.kind === 'region') {
    if (instruction.form(graph, inputs, outputs)) return;
    for (const each of instruction.inner) emitInstruction(graph, each, binding);
    return;
  }
  const refs = graph.node(
    instruction.op,
    inputs.map((value) => graph.ref(value)),
    nodeAttributes(instruction.attributes, binding),
    { outputs: outputs.length },
  );
  for (const [index, value] of outputs.entries()) graph.bind(value, refs[index]!);
}

function emitOutput(
  graph: GraphBuilder,
  trace: Trace,
  j: number,
  value: GraphValue,
  after: readonly string[],
): void {
  const { dtype } = trace.values[trace.outputs[j]!]!;
  graph.node('Identity', [value], { T: attr.type(dtype) }, { name: names.output(j), after });
}

/** What the step's function takes: what is fed, and the variables of all else. */
function argumentTypes(trace: Trace, roles: readonly InputRole[]): number[] {
  return roles.map((role, i) =>
    role.kind === 'fed' ? trace.values[trace.inputs[i]!]!.dtype : DataTypes.resource,
  );
}

function defineFunction(
  nodes: NodeDef[],
  trace: Trace,
  roles: readonly InputRole[],
  fetched: readonly number[],
  output: (j: number) => GraphValue,
  done: GraphValue,
): FunctionDef {
  const inputArg = argumentTypes(trace, roles).map((type, i) => ({ name: names.feed(i), type }));
  const outputArg = fetched.map((j) => ({
    name: names.output(j),
    type: trace.values[trace.outputs[j]!]!.dtype,
  }));
  return {
    signature: {
      name: STEP,
      inputArg,
      outputArg: [...outputArg, { name: names.done, type: DataTypes.int32 }],
      isStateful: true,
    },
    nodeDef: nodes,
    ret: {
      ...Object.fromEntries(fetched.map((j) => [names.output(j), output(j)])),
      [names.done]: done,
    },
  };
}

function callFunction(
  graph: GraphBuilder,
  trace: Trace,
  roles: readonly InputRole[],
  handles: ReadonlyMap<number, GraphValue>,
  fetched: readonly number[],
): void {
  const results = fetched.map((j) => trace.values[trace.outputs[j]!]!.dtype);
  const outputs = graph.node(
    'StatefulPartitionedCall',
    roles.map((_, i) => handles.get(i) ?? `${names.feed(i)}:0`),
    {
      Tin: { list: { type: argumentTypes(trace, roles) } },
      Tout: { list: { type: [...results, DataTypes.int32] } },
      f: { func: { name: STEP } },
      _XlaMustCompile: attr.bool(true),
    },
    { outputs: fetched.length + 1 },
  );
  for (const [index, j] of fetched.entries()) emitOutput(graph, trace, j, outputs[index]!, []);
  graph.node('Identity', [outputs[fetched.length]!], { T: attr.type(DataTypes.int32) }, { name: names.done });
}
