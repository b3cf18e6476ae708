import { PickleError, TruncatedPickleError } from '../weights-error.js';

/** Longest integer in bytes: checkpoints have a magic number of 10, and decoding costs the square of the length. */
const MAX_LONG_BYTES = 64;
/** Longest line of the text opcodes: names and numbers. */
const MAX_LINE_BYTES = 4096;

/** Reads the arguments of opcodes from a pickle; every length is checked against the bytes that are there. */
export class PickleReader {
  /** The next byte to read. */
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** A length or index of 32 bits. */
  length32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  length64(): number {
    const length = this.#view.getBigUint64(this.#take(8), true);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) return this.#fail('a length is beyond 2^53', length);
    return Number(length);
  }

  /** A view of bytes of the stream. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  utf8(length: number): string {
    const bytes = this.bytes(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new PickleError('a text is not UTF-8', { file: this.#file, cause });
    }
  }

  latin1(length: number): string {
    return decodeLatin1(this.bytes(length));
  }

  /** A little-endian two's complement integer. */
  long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES)
      return this.#fail(`an integer has more than ${MAX_LONG_BYTES} bytes`, length);
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return narrow(BigInt.asIntN(length * 8, value));
  }

  /** Text up to a newline, which is left out. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0) this.#truncated();
    if (end - this.at > MAX_LINE_BYTES)
      return this.#fail(`a line has more than ${MAX_LINE_BYTES} bytes`, end - this.at);
    const line = this.latin1(end - this.at);
    this.at++;
    return line;
  }

  /** Protocol 0's string: Python source of it. */
  quotedLine(): string {
    const line = this.line();
    const quoted = /^(['"])(.*)\1$/s.exec(line);
    return quoted === null ? this.#fail('a string stands in quotes', line) : quoted[2]!;
  }

  /** Protocol 0's text, with `\uXXXX` for what is not Latin-1. */
  escapedLine(): string {
    return this.line().replace(/\\u([0-9a-f]{4})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  }

  decimalOrBoolean(): number | bigint | boolean {
    const line = this.line();
    if (line === '00' || line === '01') return line === '01';
    return this.#decimal(line);
  }

  decimalLong(): number | bigint {
    return this.#decimal(this.line().replace(/L$/, ''));
  }

  decimalFloat(): number {
    const line = this.line();
    const special = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }[
      line
    ];
    const value = special ?? Number(line);
    if (line.trim() === '' || (special === undefined && Number.isNaN(value)))
      return this.#fail('a number was expected', line);
    return value;
  }

  decimalIndex(): number {
    const value = this.#decimal(this.line());
    return typeof value === 'number' && value >= 0 ? value : this.#fail('an index was expected', value);
  }

  #decimal(line: string): number | bigint {
    if (!/^[+-]?\d{1,150}$/.test(line)) return this.#fail('an integer was expected', line);
    return narrow(BigInt(line.replace(/^\+/, '')));
  }

  /** Step over `length` bytes. @returns where they begin */
  #take(length: number): number {
    const start = this.at;
    if (length > this.#bytes.byteLength - start) this.#truncated();
    this.at += length;
    return start;
  }

  #truncated(): never {
    const { byteLength } = this.#bytes;
    throw new TruncatedPickleError('it ends in the middle of a value (truncated?)', {
      file: this.#file,
      value: byteLength,
    });
  }

  #fail(problem: string, value: unknown): never {
    throw new PickleError(problem, { file: this.#file, value });
  }
}

/** Bytes as characters of the same codes. `TextDecoder('latin1')` is Windows-1252, which differs. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.byteLength; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
