import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { MaeConfig } from '@maehem/mae';

/** AdamW as every peer runs it, with PyTorch's arithmetic and a constant rate. */
interface AdamwSettings {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

/** Where a tensor lies in `workload.bin`, and what a step does with it. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  /** In bytes. */
  readonly offset: number;
  /** Weights under the reference checkpoint's names: trained, or fixed (position embeddings). Data: the batch. */
  readonly role: 'trained' | 'fixed' | 'data';
  /** 0 for biases and one-dimensional weights. */
  readonly weightDecay: number;
}

/**
 * `workload.json`: the same work for every peer, in any language. The tensors lie in `workload.bin`, little-endian
 * and row-major. Data: `patches` [batch, token, patch values] with pixels in (row, column, channel) order, `idsKeep`
 * [batch, keep], `idsRestore` [batch, token], `mask` [batch, token] (1 = removed).
 */
export interface WorkloadManifest {
  readonly config: MaeConfig;
  readonly batch: number;
  /** Visible tokens of each image. */
  readonly keep: number;
  readonly layerNormEps: number;
  readonly normPixEps: number;
  readonly adamw: AdamwSettings;
  readonly tensors: readonly TensorEntry[];
}

/** A workload with its tensors. They are read one by one, so that host copies do not count as a peer's memory. */
export interface Workload extends WorkloadManifest {
  read(entry: TensorEntry): Float32Array | Int32Array;
}

export const MANIFEST_FILE = 'workload.json';
export const TENSOR_FILE = 'workload.bin';

/** @param folder as written by `writeWorkload`. */
export function openWorkload(folder: string): Workload {
  return { ...readManifest(folder), read: (entry) => readTensor(join(folder, TENSOR_FILE), entry) };
}

/** The same with zeros in place of the tensors, which need not be in the folder: for a GPU that computes nothing. */
export function openShapes(folder: string): Workload {
  return { ...readManifest(folder), read: zeros };
}

function readManifest(folder: string): WorkloadManifest {
  return JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8')) as WorkloadManifest;
}

function zeros({ dtype, shape }: TensorEntry): Float32Array | Int32Array {
  const size = shape.reduce((product, n) => product * n, 1);
  return dtype === 'float32' ? new Float32Array(size) : new Int32Array(size);
}

function readTensor(path: string, entry: TensorEntry): Float32Array | Int32Array {
  const { name, offset } = entry;
  const values = zeros(entry);
  const file = openSync(path, 'r');
  const count = readSync(file, values, 0, values.byteLength, offset);
  closeSync(file);
  if (count !== values.byteLength) throw new Error(`${path} ends inside tensor ${name}`);
  return values;
}
