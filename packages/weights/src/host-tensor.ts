/** The typed array that holds each dtype on the host. F16 and BF16 are kept as their 16 raw bits. */
export interface DtypeArrays {
  F64: Float64Array;
  F32: Float32Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I64: BigInt64Array;
  I32: Int32Array;
  I16: Int16Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

/** An element type, by its safetensors name. */
export type Dtype = keyof DtypeArrays;

interface ArrayClass<A> {
  new (buffer: ArrayBuffer): A;
  readonly BYTES_PER_ELEMENT: number;
}

const ARRAYS: { readonly [D in Dtype]: ArrayClass<DtypeArrays[D]> } = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** What is known of a tensor without its data. A scalar has the shape `[]`. */
export interface TensorSpec<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
}

/** A tensor in host memory: row-major elements, as many as the product of `shape`. */
export type HostTensor<D extends Dtype = Dtype> = {
  readonly [Each in D]: TensorSpec<Each> & { readonly data: DtypeArrays[Each] };
}[D];

/** Tensors, or what is known of them, by name. */
export type Named<T> = { readonly [name: string]: T };

export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(ARRAYS, name);
}

/** Bytes of one element. */
export function bytesPerElement(dtype: Dtype): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/**
 * Number of elements of a shape.
 * @returns `undefined` when it is more than 2^53 - 1, at any step of the product.
 */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const dim of shape) {
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * Look at a buffer as a tensor; nothing is copied.
 * @throws RangeError when the buffer's length isn't the shape's.
 */
export function hostTensor(spec: TensorSpec, buffer: ArrayBuffer): HostTensor {
  const count = elementCount(spec.shape);
  if (count === undefined || count * bytesPerElement(spec.dtype) !== buffer.byteLength)
    throw new RangeError(
      `${spec.dtype} [${spec.shape}] needs ${count} elements, but its buffer has ${buffer.byteLength} bytes`,
    );
  return { ...spec, data: new ARRAYS[spec.dtype](buffer) } as HostTensor;
}

/** The elements' bytes, in the host's order (little-endian on every machine that Node and browsers run on). */
export function tensorBytes(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
