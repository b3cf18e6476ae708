import { findHeaderFault, METADATA } from './header-json.js';
import {
  bytesPerElement,
  type Dtype,
  elementCount,
  isDtype,
  type Named,
  type TensorSpec,
} from './host-tensor.js';
import { SafetensorsError } from './safetensors-error.js';

/** The header's length stands in the first 8 bytes, little-endian. */
export const LENGTH_BYTES = 8;
/**
 * The longest header that is read or written: 25 MB, about 200,000 tensors of everyday names. The reference library
 * takes 100 MB, which no model needs and which costs seconds and gigabytes to check.
 */
export const MAX_HEADER_BYTES = 25_000_000;

/** A tensor of a file: its elements are the file's bytes from `begin` up to `end`. */
export interface TensorInfo extends TensorSpec {
  readonly begin: number;
  readonly end: number;
}

/** What a file holds. `tensors` is in the order of the data. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Named<string>;
}

/**
 * Length in bytes of the JSON header, from a file's first 8 bytes.
 * @throws SafetensorsError when the file can't hold such a header, or it is above 25 MB.
 */
export function headerLength(start: Uint8Array, fileSize: number, file: string): number {
  if (start.byteLength < LENGTH_BYTES || fileSize < LENGTH_BYTES)
    throw new SafetensorsError('a safetensors file has at least 8 bytes', { file, value: fileSize });
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw new SafetensorsError(`the header may have at most 25 MB (is this a safetensors file?)`, {
      file,
      value: length,
    });
  if (length > BigInt(fileSize - LENGTH_BYTES))
    throw new SafetensorsError(`the header ends beyond the file of ${fileSize} bytes (truncated?)`, {
      file,
      value: length,
    });
  return Number(length);
}

/**
 * Read and check a safetensors header; hostile input gives an error, never wrong data, at a cost
 * in proportion to the header's own length, which may be 25 MB at most.
 *
 * Checked: the header's length against the file's, JSON, names, dtypes, shapes (whole, not negative, no overflow),
 * byte counts, and that the tensors' bytes follow each other without gap or overlap up to the file's end.
 * Format: https://github.com/huggingface/safetensors#format
 *
 * @param bytes the file's beginning, at least through the header.
 * @param fileSize bytes of the whole file.
 * @param file its name, for errors.
 * @throws SafetensorsError naming the file, the tensor and the value.
 */
export function parseSafetensorsHeader(bytes: Uint8Array, fileSize: number, file: string): SafetensorsHeader {
  const length = headerLength(bytes, fileSize, file);
  const dataStart = LENGTH_BYTES + length;
  if (bytes.byteLength < dataStart)
    throw new SafetensorsError(`the header needs ${dataStart} bytes`, { file, value: bytes.byteLength });
  const entries = Object.entries(parseJson(bytes.subarray(LENGTH_BYTES, dataStart), file));
  const metadata = readMetadata(entries.find(([name]) => name === METADATA)?.[1], file);
  const tensors = entries
    .filter(([name]) => name !== METADATA)
    .map(([name, entry]) => [name, readEntry(entry, dataStart, file, name)] as const)
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCoverage(tensors, dataStart, fileSize, file);
  return { tensors: new Map(tensors), metadata };
}

function parseJson(bytes: Uint8Array, file: string): object {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SafetensorsError('the header is not UTF-8', { file, cause });
  }
  if (text[0] !== '{')
    throw new SafetensorsError('the header must begin with {', { file, value: text.slice(0, 16) });
  const fault = findHeaderFault(text);
  if (fault) throw new SafetensorsError(fault.problem, { file, tensor: fault.tensor, value: fault.value });
  try {
    // It begins with {, so it is an object.
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new SafetensorsError(`the header is not JSON: ${(cause as Error).message.slice(0, 200)}`, {
      file,
      cause,
    });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMetadata(value: unknown, file: string): Named<string> {
  if (value === undefined) return {};
  if (!isObject(value)) throw new SafetensorsError(`${METADATA} must be an object`, { file, value });
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string')
      throw new SafetensorsError(`${METADATA}.${key.slice(0, 80)} must be a string`, { file, value: text });
  return value as Named<string>;
}

function readEntry(entry: unknown, dataStart: number, file: string, tensor: string): TensorInfo {
  const fail = (problem: string, value: unknown): never => {
    throw new SafetensorsError(problem, { file, tensor, value });
  };
  if (!isObject(entry)) return fail('its entry must be an object', entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) return fail('unknown dtype', dtype);
  if (!isNaturals(shape)) return fail('its shape must be whole numbers, not negative', shape);
  if (!isNaturals(offsets) || offsets.length !== 2)
    return fail('data_offsets must be two whole numbers, not negative', offsets);
  const [begin, end] = offsets as [number, number];
  const bytes = byteCount(dtype, shape);
  if (bytes === undefined) return fail('its shape has more than 2^53 bytes', shape);
  if (end - begin !== bytes)
    return fail(`data_offsets must span the ${bytes} bytes of ${dtype} [${shape}]`, offsets);
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

/** Bytes of a tensor's data, or `undefined` beyond 2^53. */
export function byteCount(dtype: Dtype, shape: readonly number[]): number | undefined {
  const bytes = (elementCount(shape) ?? Number.NaN) * bytesPerElement(dtype);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The format demands that the data has no holes: every byte belongs to one tensor. */
function checkCoverage(
  tensors: readonly (readonly [string, TensorInfo])[],
  dataStart: number,
  fileSize: number,
  file: string,
): void {
  let covered = dataStart;
  for (const [tensor, { begin, end }] of tensors) {
    if (begin !== covered)
      throw new SafetensorsError(
        `its data must begin at byte ${covered - dataStart}, where the tensor before ends`,
        { file, tensor, value: begin - dataStart },
      );
    covered = end;
  }
  if (covered !== fileSize)
    throw new SafetensorsError(
      `the tensors end at byte ${covered}, so the file should too (${covered > fileSize ? 'truncated?' : 'trailing bytes'})`,
      { file, value: fileSize },
    );
}
