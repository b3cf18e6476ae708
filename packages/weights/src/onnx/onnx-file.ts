import protobuf from 'protobufjs';
import { elementCount, type HostTensor, tensorBytes } from '../host-tensor.js';
import type { ModelWeights } from '../model-weights.js';
import { loadTensor } from '../tensor-source.js';
import { floatValues } from '../values.js';
import type { Initializer, OnnxGraph } from './graph-builder.js';
import { DATA, EXTERNAL, encodeMessage, FIELDS, valueInfo } from './onnx-proto.js';
import { vitGraph } from './vit-graph.js';

/** A model as ONNX, ready to be written: its bytes come in order, one weight in memory at a time. */
export interface OnnxExport {
  /** The graph, and the weights unless they are external. */
  readonly model: () => AsyncGenerator<Uint8Array>;
  /** The weights, to be written beside it under that name, where one message can't hold them. */
  readonly data: { readonly name: string; readonly bytes: () => AsyncGenerator<Uint8Array> } | undefined;
}

/** ONNX IR 8 and opset 17: LayerNormalization is one operation, and every runtime since 2022 reads them. */
const IR_VERSION = 8;
const OPSET = 17;
/** A protobuf message has less than 2^31 bytes; some room is left for the graph. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 2 ** 24;
const LENGTH_DELIMITED = 2;

/**
 * The encoder of a model, or a whole classifier, as ONNX; see `vitGraph` for inputs and outputs. Weights become float32.
 * Above 2 GB they go into a file of their own, as transformers.js and onnxruntime expect.
 * @param options `dataName` of that file (default `model.onnx_data`), `external` to have it in any case
 * @throws WeightsError when the model's heads or image are unknown, or a tensor is missing.
 */
export function exportOnnx(
  model: ModelWeights,
  { dataName = 'model.onnx_data', external = false }: { dataName?: string; external?: boolean } = {},
): OnnxExport {
  const graph = vitGraph(model);
  const weights = [...graph.initializers].filter(([, { kind }]) => kind === 'float');
  const bytes = weights.reduce((sum, [, initializer]) => sum + byteLength(initializer), 0);
  if (!external && bytes <= MAX_MESSAGE_BYTES)
    return { model: () => modelBytes(graph, undefined), data: undefined };
  return {
    model: () => modelBytes(graph, dataName),
    data: {
      name: dataName,
      bytes: async function* () {
        for (const [, initializer] of weights) yield initializerBytes(initializer);
      },
    },
  };
}

/** Fields of a message may come in any order: the small ones first, then each weight as it is loaded. */
async function* modelBytes(graph: OnnxGraph, dataName: string | undefined): AsyncGenerator<Uint8Array> {
  const header = encodeMessage('ModelProto', {
    ir_version: IR_VERSION,
    producer_name: 'maehem',
    opset_import: [{ domain: '', version: OPSET }],
  });
  const operations = encodeMessage('GraphProto', {
    node: graph.nodes.map((node, index) => ({ ...node, name: `${node.op_type}_${index}` })),
    name: 'vit',
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
  });
  let offset = 0;
  const constants = [...graph.initializers].map(([name, initializer]) => {
    const isExternal = dataName !== undefined && initializer.kind === 'float';
    const raw = byteLength(initializer);
    const spec = encodeMessage('TensorProto', {
      dims: shapeOf(initializer),
      data_type: initializer.kind === 'float' ? DATA.FLOAT : DATA.INT64,
      name,
      ...(isExternal ? externalData(dataName, offset, raw) : {}),
    });
    if (isExternal) offset += raw;
    const start = isExternal ? spec : joined(spec, prefix(FIELDS.tensorRawData, raw));
    const length = start.byteLength + (isExternal ? 0 : raw);
    return { initializer, isExternal, start: joined(prefix(FIELDS.graphInitializer, length), start) };
  });
  const inline = ({ isExternal, initializer }: (typeof constants)[number]): number =>
    isExternal ? 0 : byteLength(initializer);
  const graphLength = constants.reduce(
    (sum, each) => sum + each.start.byteLength + inline(each),
    operations.byteLength,
  );
  yield joined(header, prefix(FIELDS.modelGraph, graphLength));
  yield operations;
  for (const { initializer, isExternal, start } of constants) {
    yield start;
    if (!isExternal) yield await initializerBytes(initializer);
  }
}

function externalData(location: string, offset: number, length: number): object {
  const entries = Object.entries({ location, offset: `${offset}`, length: `${length}` });
  return { data_location: EXTERNAL, external_data: entries.map(([key, value]) => ({ key, value })) };
}

/** The tag and length before a field of bytes. */
function prefix(field: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((field << 3) | LENGTH_DELIMITED)
    .uint32(length)
    .finish();
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.byteLength + b.byteLength);
  out.set(a);
  out.set(b, a.byteLength);
  return out;
}

function shapeOf(initializer: Initializer): readonly number[] {
  if (initializer.kind === 'int64') return initializer.tensor.shape;
  const { shape } = initializer.source;
  return initializer.transposed ? [...shape].reverse() : shape;
}

function byteLength(initializer: Initializer): number {
  return elementCount(shapeOf(initializer))! * (initializer.kind === 'float' ? 4 : 8);
}

async function initializerBytes(initializer: Initializer): Promise<Uint8Array> {
  if (initializer.kind === 'int64') return tensorBytes(initializer.tensor);
  const tensor = await loadTensor(initializer.source);
  const values = floatValues(tensor);
  const data = initializer.transposed ? transpose(values, tensor.shape as [number, number]) : values;
  return tensorBytes({ dtype: 'F32', shape: shapeOf(initializer), data } as HostTensor);
}

/** [rows, columns] → [columns, rows]. */
function transpose(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column]!;
  return out;
}
