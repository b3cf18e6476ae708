import {
  bytesPerElement,
  type DtypeArrays,
  elementCount,
  type HostTensor,
  hostTensor,
} from '../host-tensor.js';
import type { TorchTensor } from './torch-objects.js';

/** Elements of a tensor's storage that it looks at: from `begin` up to `end`. */
export interface ElementRange {
  readonly begin: number;
  readonly end: number;
}

/** The part of its storage that a tensor needs; `undefined` when that is beyond 2^53 elements. */
export function elementRange({ offset, shape, stride }: TorchTensor): ElementRange | undefined {
  if (shape.includes(0)) return { begin: 0, end: 0 };
  const last = shape.reduce((sum, dim, axis) => sum + (dim - 1) * stride[axis]!, offset);
  return Number.isSafeInteger(last) ? { begin: offset, end: last + 1 } : undefined;
}

/** Do the elements lie one after the other, in row-major order? */
function isContiguous({ shape, stride }: TorchTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/**
 * The tensor of a part of its storage, in row-major order: transposed, strided and expanded views are copied out.
 * @param part the bytes of `elementRange`
 */
export function gatherElements(tensor: TorchTensor, part: Uint8Array<ArrayBuffer>): HostTensor {
  const { dtype, shape, stride } = tensor;
  if (isContiguous(tensor) || shape.includes(0)) return hostTensor({ dtype, shape }, part.buffer);
  const source = hostTensor({ dtype, shape: [part.byteLength / bytesPerElement(dtype)] }, part.buffer).data;
  const count = elementCount(shape)!;
  const out = hostTensor({ dtype, shape }, new ArrayBuffer(count * bytesPerElement(dtype)));
  copyStrided(source as never, out.data as never, shape, stride);
  return out;
}

type Elements = DtypeArrays['F32'] | DtypeArrays['I64'];

/** Copy elements in row-major order, stepping an index per axis like an odometer. */
function copyStrided(
  source: Elements,
  out: Elements,
  shape: readonly number[],
  stride: readonly number[],
): void {
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * stride[axis]!;
      index[axis] = 0;
    }
  }
}
