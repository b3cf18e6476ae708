import { fromBfloat16, fromFloat16 } from './half.js';
import type { HostTensor } from './host-tensor.js';

/**
 * A tensor's elements as float32. F16 and BF16 are widened exactly, F64 is rounded, F32 is returned as it is.
 * @throws TypeError for an integer tensor.
 */
export function floatValues(tensor: HostTensor): Float32Array {
  switch (tensor.dtype) {
    case 'F32':
      return tensor.data;
    case 'F64':
      return Float32Array.from(tensor.data);
    case 'F16':
      return fromFloat16(tensor.data);
    case 'BF16':
      return fromBfloat16(tensor.data);
    default:
      throw new TypeError(`expected a tensor of floats (F64, F32, F16, BF16), got ${tensor.dtype}`);
  }
}

/**
 * An integer or boolean tensor's elements as numbers.
 * @throws TypeError for a float tensor, RangeError for an I64 element outside ±(2^53 - 1).
 */
export function integerValues(tensor: HostTensor): number[] {
  switch (tensor.dtype) {
    case 'I64':
      return Array.from(tensor.data, safeNumber);
    case 'I32':
    case 'I16':
    case 'I8':
    case 'U8':
    case 'BOOL':
      return Array.from(tensor.data);
    default:
      throw new TypeError(`expected a tensor of integers (I64, I32, I16, I8, U8, BOOL), got ${tensor.dtype}`);
  }
}

function safeNumber(value: bigint, index: number): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new RangeError(`element ${index} of an I64 tensor is ${value}, beyond ±(2^53 - 1)`);
  return number;
}
