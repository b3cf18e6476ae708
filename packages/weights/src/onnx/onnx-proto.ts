import protobuf from 'protobufjs';

/**
 * ONNX's messages, as far as they are written here; fields and numbers are those of onnx.proto3, IR version 8. Enums
 * are int32 on the wire. `raw_data` (field 9 of TensorProto) is missing: it is streamed, see `onnx-file.ts`.
 */
const PROTO = `
syntax = "proto3";
package onnx;

message AttributeProto {
  string name = 1;
  float f = 2;
  int64 i = 3;
  repeated int64 ints = 8;
  int32 type = 20;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
}
message StringStringEntryProto { string key = 1; string value = 2; }
message TensorProto {
  repeated int64 dims = 1;
  int32 data_type = 2;
  string name = 8;
  repeated StringStringEntryProto external_data = 13;
  int32 data_location = 14;
}
message TensorShapeProto {
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  repeated Dimension dim = 1;
}
message TypeProto {
  message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
  Tensor tensor_type = 1;
}
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message ModelProto {
  int64 ir_version = 1;
  string producer_name = 2;
  repeated OperatorSetIdProto opset_import = 8;
}
`;

/** `AttributeProto.type` and `TensorProto.data_type`. */
export const ATTRIBUTE = { FLOAT: 1, INT: 2, INTS: 7 } as const;
export const DATA = { FLOAT: 1, INT64: 7 } as const;
/** `TensorProto.data_location`: the elements are in another file. */
export const EXTERNAL = 1;

/** Field numbers of what is streamed. */
export const FIELDS = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** An operation of a graph. */
export interface Node {
  readonly op_type: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute?: readonly Attribute[];
}

/** An attribute of an operation. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly ints?: readonly number[];
}

/** An input or output of the graph: floats; a dimension is a size or a name. */
export interface ValueInfo {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

const keepCase = { keepCase: true };
let root: protobuf.Root | undefined;

/** Encode a message of the schema. */
export function encodeMessage(type: string, message: object): Uint8Array {
  root ??= protobuf.parse(PROTO, keepCase).root;
  return root.lookupType(`onnx.${type}`).encode(message).finish();
}

/** A `ValueInfoProto`. */
export function valueInfo({ name, shape }: ValueInfo): object {
  const dim = shape.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }));
  return { name, type: { tensor_type: { elem_type: DATA.FLOAT, shape: { dim } } } };
}
