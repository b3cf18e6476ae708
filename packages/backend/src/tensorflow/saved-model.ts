import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/**
 * TensorFlow's SavedModel, as far as it takes to hand a graph to the C library: no signatures, no files of
 * variables. Messages and field numbers are those of tensorflow/core/framework and core/protobuf.
 */
const PROTO = `
syntax = "proto3";
package tensorflow;

message TensorShapeProto {
  message Dim { int64 size = 1; string name = 2; }
  repeated Dim dim = 2;
}
message TensorProto {
  int32 dtype = 1;
  TensorShapeProto tensor_shape = 2;
  bytes tensor_content = 4;
}
message NameAttrList { string name = 1; map<string, AttrValue> attr = 2; }
message AttrValue {
  message ListValue {
    repeated bytes s = 2;
    repeated int64 i = 3;
    repeated float f = 4;
    repeated bool b = 5;
    repeated int32 type = 6;
    repeated TensorShapeProto shape = 7;
  }
  oneof value {
    ListValue list = 1;
    bytes s = 2;
    int64 i = 3;
    float f = 4;
    bool b = 5;
    int32 type = 6;
    TensorShapeProto shape = 7;
    TensorProto tensor = 8;
    NameAttrList func = 10;
  }
}
message NodeDef {
  string name = 1;
  string op = 2;
  repeated string input = 3;
  map<string, AttrValue> attr = 5;
}
message OpDef {
  message ArgDef { string name = 1; int32 type = 3; }
  string name = 1;
  repeated ArgDef input_arg = 2;
  repeated ArgDef output_arg = 3;
  bool is_stateful = 17;
}
message FunctionDef {
  OpDef signature = 1;
  repeated NodeDef node_def = 3;
  map<string, string> ret = 4;
}
message FunctionDefLibrary { repeated FunctionDef function = 1; }
message VersionDef { int32 producer = 1; }
message GraphDef {
  repeated NodeDef node = 1;
  FunctionDefLibrary library = 2;
  VersionDef versions = 4;
}
message MetaGraphDef {
  message MetaInfoDef { repeated string tags = 4; }
  MetaInfoDef meta_info_def = 1;
  GraphDef graph_def = 2;
}
message SavedModel {
  int64 saved_model_schema_version = 1;
  repeated MetaGraphDef meta_graphs = 2;
}
`;

interface Shape {
  dim: { size: number }[];
}

/** `AttrValue`: exactly one member is set. */
export interface AttrValue {
  s?: Uint8Array;
  i?: number;
  f?: number;
  b?: boolean;
  type?: number;
  shape?: Shape;
  tensor?: { dtype: number; tensorShape: Shape; tensorContent: Uint8Array };
  func?: { name: string };
  list?: { s?: Uint8Array[]; i?: number[]; f?: number[]; b?: boolean[]; type?: number[] };
}

/** `NodeDef`. */
export interface NodeDef {
  name: string;
  op: string;
  input: string[];
  attr: { [name: string]: AttrValue };
}

/** `FunctionDef`. */
export interface FunctionDef {
  signature: {
    name: string;
    inputArg: { name: string; type: number }[];
    outputArg: { name: string; type: number }[];
    isStateful: boolean;
  };
  nodeDef: NodeDef[];
  ret: { [output: string]: string };
}

/** A graph and its functions. */
export interface GraphDef {
  readonly nodes: readonly NodeDef[];
  readonly functions: readonly FunctionDef[];
}

/** The GraphDef version of TensorFlow 2.7: every later library reads it. */
const PRODUCER = 987;

/** The tag under which a model is loaded. */
export const SAVED_MODEL_TAG = 'serve';

/** Write `folder/saved_model.pb`. */
export function writeSavedModel(folder: string, { nodes, functions }: GraphDef): void {
  const SavedModel = protobuf.parse(PROTO).root.lookupType('tensorflow.SavedModel');
  const model = SavedModel.fromObject({
    savedModelSchemaVersion: 1,
    metaGraphs: [
      {
        metaInfoDef: { tags: [SAVED_MODEL_TAG] },
        graphDef: { node: nodes, library: { function: functions }, versions: { producer: PRODUCER } },
      },
    ],
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'saved_model.pb'), SavedModel.encode(model).finish());
}
