import { assertRange, type ByteSource } from '../byte-source.js';
import { ZipError } from '../weights-error.js';

/** A file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of its contents. */
  readonly size: number;
  /** Are its contents there as they are? Compressed ones are not read. */
  readonly stored: boolean;
  /** Where its local header begins; its contents follow that header. */
  readonly headerAt: number;
}

/** The files of an archive by name. */
export type ZipDirectory = ReadonlyMap<string, ZipEntry>;

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const LOCATOR_64_SIGNATURE = 0x07064b50;
const LOCATOR_64_BYTES = 20;
const END_64_SIGNATURE = 0x06064b50;
const END_64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const EXTRA_64 = 1;
const STORED = 0;
/** In these fields all ones say: see the 64-bit record. */
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;

/**
 * Read an archive's table of contents; no contents are read. PyTorch stores its files uncompressed, each at an
 * offset that is a multiple of 64, so a tensor is one read of a known range.
 * Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16 and 4.5.3.
 * @throws ZipError when it is no archive, or one that is broken or encrypted.
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const { offset, bytes, count } = await findDirectory(source);
  assertRangeOf(source, offset, offset + bytes);
  if (count * ENTRY_BYTES > bytes)
    throw new ZipError(`its directory of ${bytes} bytes is too short for its files`, {
      file: source.name,
      value: count,
    });
  const view = viewOf(await source.read(offset, offset + bytes));
  const entries = new Map<string, ZipEntry>();
  for (let at = 0, index = 0; index < count; index++) {
    const { entry, next } = readEntry(view, at, source);
    if (entries.has(entry.name))
      throw new ZipError('a name stands twice in its directory', { file: source.name, value: entry.name });
    entries.set(entry.name, entry);
    at = next;
  }
  return entries;
}

/**
 * Where a file's contents begin: after its local header, whose length the directory does not tell.
 * @throws ZipError when they are compressed, there is no local header, or the contents do not lie within the archive.
 */
export async function zipContentsStart(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { headerAt, name, size, stored } = entry;
  if (!stored)
    throw new ZipError(
      'its files are compressed, and PyTorch stores them as they are: unpack it and zip it with -0, or save it again with torch.save',
      { file: source.name, value: name },
    );
  assertRangeOf(source, headerAt, headerAt + LOCAL_BYTES);
  const header = viewOf(await source.read(headerAt, headerAt + LOCAL_BYTES));
  if (header.getUint32(0, true) !== LOCAL_SIGNATURE)
    throw new ZipError(`there is no file header at byte ${headerAt}`, { file: source.name, value: name });
  const start = headerAt + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  assertRangeOf(source, start, start + size);
  return start;
}

interface DirectoryPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

/** The end record is the last thing in the file, but for a comment of up to 64 KB. */
async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const { size, name: file } = source;
  const tailStart = Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES);
  const tail = viewOf(await source.read(tailStart, size));
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_SIGNATURE) continue;
    const count = tail.getUint16(at + 10, true);
    const bytes = tail.getUint32(at + 12, true);
    const offset = tail.getUint32(at + 16, true);
    const needs64 = count === MAX_16 || bytes === MAX_32 || offset === MAX_32;
    return needs64 ? findDirectory64(source, tailStart + at) : { offset, bytes, count };
  }
  throw new ZipError('it has no directory at its end (truncated?)', { file, value: size });
}

/** Archives of 4 GB or 65,535 files and more have a second end record; a locator before the first points at it. */
async function findDirectory64(source: ByteSource, endAt: number): Promise<DirectoryPlace> {
  const file = source.name;
  const locatorAt = endAt - LOCATOR_64_BYTES;
  assertRangeOf(source, locatorAt, endAt);
  const locator = viewOf(await source.read(locatorAt, endAt));
  if (locator.getUint32(0, true) !== LOCATOR_64_SIGNATURE)
    throw new ZipError('its 64-bit directory has no locator', { file });
  const recordAt = readUint64(locator, 8, file);
  assertRangeOf(source, recordAt, recordAt + END_64_BYTES);
  const record = viewOf(await source.read(recordAt, recordAt + END_64_BYTES));
  if (record.getUint32(0, true) !== END_64_SIGNATURE)
    throw new ZipError(`there is no 64-bit directory record at byte ${recordAt}`, { file });
  return {
    count: readUint64(record, 32, file),
    bytes: readUint64(record, 40, file),
    offset: readUint64(record, 48, file),
  };
}

function readEntry(view: DataView, at: number, source: ByteSource): { entry: ZipEntry; next: number } {
  const file = source.name;
  const fail = (problem: string, value: unknown): never => {
    throw new ZipError(problem, { file, value });
  };
  if (at + ENTRY_BYTES > view.byteLength) fail('its directory ends within an entry', at);
  if (view.getUint32(at, true) !== ENTRY_SIGNATURE)
    fail('its directory holds something else than an entry', at);
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const extraAt = at + ENTRY_BYTES + nameBytes;
  const next = extraAt + extraBytes + view.getUint16(at + 32, true);
  if (next > view.byteLength) fail('its directory ends within an entry', at);
  const name = decodeName(view, at + ENTRY_BYTES, nameBytes);
  if ((view.getUint16(at + 8, true) & 1) !== 0) fail('it is encrypted', name);
  const stored = view.getUint16(at + 10, true) === STORED;
  const wide = wideFields(view, extraAt, extraBytes, file);
  const field = (value: number): number => (value === MAX_32 ? wide() : value);
  const size = field(view.getUint32(at + 24, true));
  const packed = field(view.getUint32(at + 20, true));
  const headerAt = field(view.getUint32(at + 42, true));
  if (stored && packed !== size) fail(`a stored file has one size, not ${packed} and ${size} bytes`, name);
  if (headerAt + LOCAL_BYTES + packed > source.size)
    fail('a file reaches beyond the archive (truncated?)', name);
  return { entry: { name, size, stored, headerAt }, next };
}

/** The 64-bit values of an entry, in the order in which its 32-bit fields refer to them. */
function wideFields(view: DataView, at: number, bytes: number, file: string): () => number {
  let next = 0;
  let end = 0;
  for (let block = at; block + 4 <= at + bytes; ) {
    const length = view.getUint16(block + 2, true);
    if (view.getUint16(block, true) === EXTRA_64) {
      next = block + 4;
      end = Math.min(next + length, at + bytes);
      break;
    }
    block += 4 + length;
  }
  return () => {
    if (next + 8 > end) throw new ZipError('an entry lacks its 64-bit size or offset', { file });
    next += 8;
    return readUint64(view, next - 8, file);
  };
}

function decodeName(view: DataView, at: number, bytes: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
}

function readUint64(view: DataView, at: number, file: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ZipError('a size or offset is beyond 2^53', { file, value });
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function assertRangeOf({ size, name }: ByteSource, begin: number, end: number): void {
  assertRange(begin, end, size, name);
}
