import { METADATA } from './header-json.js';
import {
  type Dtype,
  type HostTensor,
  hostTensor,
  type Named,
  type TensorSpec,
  tensorBytes,
} from './host-tensor.js';
import { SafetensorsError } from './safetensors-error.js';
import { byteCount, LENGTH_BYTES, MAX_HEADER_BYTES, parseSafetensorsHeader } from './safetensors-header.js';

/** The reference library's order: widest dtype first, so that every tensor lies aligned to its own element. */
const DTYPE_ORDER: readonly Dtype[] = ['I64', 'F64', 'F32', 'I32', 'BF16', 'F16', 'I16', 'I8', 'U8', 'BOOL'];

/** The tensors and strings of a safetensors file. */
export interface Safetensors {
  readonly tensors: Named<HostTensor>;
  readonly metadata: Named<string>;
}

/**
 * Read a whole safetensors file from memory; each tensor gets a copy of its bytes.
 * @param file the file's name, for errors.
 * @throws SafetensorsError as `parseSafetensorsHeader` does.
 */
export function decodeSafetensors(bytes: Uint8Array, file = 'safetensors'): Safetensors {
  const { tensors, metadata } = parseSafetensorsHeader(bytes, bytes.byteLength, file);
  const read = [...tensors].map(([name, { dtype, shape, begin, end }]) => {
    const data = new Uint8Array(bytes.subarray(begin, end));
    return [name, hostTensor({ dtype, shape }, data.buffer)] as const;
  });
  return { tensors: named(read), metadata };
}

/** An object without a prototype: names come from a file, and may be `constructor` or `__proto__`. */
export function named<T>(list: Iterable<readonly [string, T]>): Named<T> {
  const out: Record<string, T> = Object.create(null);
  for (const [name, value] of list) out[name] = value;
  return out;
}

/** Where the tensors of a file to be written go. */
export interface SafetensorsLayout {
  /** The file's beginning: the header's length and the header, padded to a multiple of 8 bytes. */
  readonly start: Uint8Array;
  /** The tensors' names, in the order in which their data follows. */
  readonly order: readonly string[];
}

/**
 * Lay out a safetensors file as the reference library does: widest dtype first, then by name; the same tensors
 * give the same bytes, in whatever order they come.
 * @throws SafetensorsError when a shape isn't whole numbers, a name is the reserved `__metadata__`, or the header
 * exceeds 25 MB.
 */
export function layoutSafetensors(
  tensors: Named<TensorSpec>,
  metadata: Named<string> = {},
  file = 'safetensors',
): SafetensorsLayout {
  const sorted = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      DTYPE_ORDER.indexOf(a.dtype) - DTYPE_ORDER.indexOf(b.dtype) || (nameA < nameB ? -1 : 1),
  );
  const header: [string, unknown][] = [];
  const strings = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (strings.length > 0) header.push([METADATA, Object.fromEntries(strings)]);
  let offset = 0;
  for (const [tensor, { dtype, shape }] of sorted) {
    if (tensor === METADATA) throw new SafetensorsError('this name is reserved', { file, tensor });
    const bytes = shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)
      ? byteCount(dtype, shape)
      : undefined;
    if (bytes === undefined)
      throw new SafetensorsError('its shape must be whole numbers of at most 2^53 bytes in all', {
        file,
        tensor,
        value: shape,
      });
    header.push([tensor, { dtype, shape, data_offsets: [offset, offset + bytes] }]);
    offset += bytes;
  }
  return { start: encodeHeader(header, file), order: sorted.map(([name]) => name) };
}

/** Object keys like "0" would jump to the front of an object, so the entries are joined as text. */
function encodeHeader(entries: readonly (readonly [string, unknown])[], file: string): Uint8Array {
  const json = `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > MAX_HEADER_BYTES)
    throw new SafetensorsError('the header may have at most 25 MB: fewer tensors, or shorter names', {
      file,
      value: length,
    });
  const start = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(text, LENGTH_BYTES);
  return start;
}

/**
 * Bytes of a tensor's data, checked against its shape.
 * @throws SafetensorsError when the data isn't as long as the shape says.
 */
export function checkedBytes(tensor: HostTensor, name: string, file: string): Uint8Array<ArrayBuffer> {
  const bytes = tensorBytes(tensor);
  if (bytes.byteLength !== byteCount(tensor.dtype, tensor.shape))
    throw new SafetensorsError(`${tensor.dtype} [${tensor.shape}] does not fit its data's bytes`, {
      file,
      tensor: name,
      value: bytes.byteLength,
    });
  return bytes;
}

/**
 * The bytes of a safetensors file with these tensors.
 * @throws SafetensorsError as `layoutSafetensors` does, and when a tensor's data doesn't fit its shape.
 */
export function encodeSafetensors(tensors: Named<HostTensor>, metadata: Named<string> = {}): Uint8Array {
  const { start, order } = layoutSafetensors(tensors, metadata);
  const parts = [start, ...order.map((name) => checkedBytes(tensors[name]!, name, 'safetensors'))];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.byteLength;
  }
  return out;
}
