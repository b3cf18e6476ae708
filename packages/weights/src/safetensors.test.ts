import { fold, integer, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  floatValues,
  type HostTensor,
  integerValues,
  type Named,
  parseSafetensorsHeader,
  SafetensorsError,
} from './index.js';

const tensors: Named<HostTensor> = {
  b: { dtype: 'F32', shape: [2], data: Float32Array.of(1.5, -2) },
  a: { dtype: 'I32', shape: [1], data: Int32Array.of(7) },
  '0': { dtype: 'U8', shape: [1, 1], data: Uint8Array.of(1) },
  h: { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0x4000) },
  'é"': { dtype: 'F32', shape: [], data: Float32Array.of(3) },
};

/** A file with this header text and this many zero bytes of data. */
function fileOf(
  header: string,
  dataBytes = 0,
  length = new TextEncoder().encode(header).byteLength,
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

function errorOf(bytes: Uint8Array): SafetensorsError {
  try {
    decodeSafetensors(bytes, 'x.safetensors');
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    return error as SafetensorsError;
  }
  return expect.fail('it was accepted');
}

describe('safetensors', () => {
  it('writes the bytes of the reference library (safetensors 0.8.0)', () => {
    const header =
      '{"__metadata__":{"format":"np"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' +
      '"é\\"":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"I32","shape":[1],"data_offsets":[12,16]},' +
      '"h":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},"0":{"dtype":"U8","shape":[1,1],"data_offsets":[20,21]}}     ';
    const expected = fileOf(header, 21);
    expected.set(Buffer.from('0000c03f000000c00000404007000000003c004001', 'hex'), 8 + 312);
    expect(expected.byteLength).toBe(341);
    expect(encodeSafetensors(tensors, { format: 'np' })).toEqual(expected);
  });

  it('reads back what it wrote, from any offset in memory', () => {
    const bytes = encodeSafetensors(tensors, { b: '2', a: '1' });
    const shifted = new Uint8Array(bytes.byteLength + 3).subarray(3);
    shifted.set(bytes);
    const { tensors: read, metadata } = decodeSafetensors(shifted);
    expect({ ...read }).toEqual(tensors);
    expect(metadata).toEqual({ a: '1', b: '2' });
  });

  it('keeps names that objects have of their own', () => {
    const odd = Object.fromEntries(['__proto__', 'constructor'].map((name) => [name, tensors['a']!]));
    const { tensors: read } = decodeSafetensors(encodeSafetensors(odd));
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor']);
    expect(read['toString']).toBeUndefined();
  });

  it('reads every dtype, and widens it on request', () => {
    const all: Named<HostTensor> = {
      f64: { dtype: 'F64', shape: [1], data: Float64Array.of(0.1) },
      f16: { dtype: 'F16', shape: [1], data: Uint16Array.of(0xc000) },
      bf16: { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x4049) },
      i64: { dtype: 'I64', shape: [2], data: BigInt64Array.of(-5n, 2n ** 53n - 1n) },
      i16: { dtype: 'I16', shape: [1], data: Int16Array.of(-300) },
      i8: { dtype: 'I8', shape: [1], data: Int8Array.of(-3) },
      bool: { dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) },
      none: { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) },
    };
    const { tensors: read } = decodeSafetensors(encodeSafetensors(all));
    expect({ ...read }).toEqual(all);
    expect(floatValues(read['f64']!)).toEqual(Float32Array.of(0.1));
    expect(floatValues(read['f16']!)).toEqual(Float32Array.of(-2));
    expect(floatValues(read['bf16']!)).toEqual(Float32Array.of(3.140625));
    expect(integerValues(read['i64']!)).toEqual([-5, 2 ** 53 - 1]);
    expect(integerValues(read['bool']!)).toEqual([1, 0]);
    expect(() => floatValues(read['i8']!)).toThrow('got I8');
    expect(() => integerValues(read['f16']!)).toThrow('got F16');
    expect(() => integerValues({ dtype: 'I64', shape: [1], data: BigInt64Array.of(2n ** 60n) })).toThrow(
      'element 0 of an I64 tensor is 1152921504606846976',
    );
  });

  it('refuses to write what it could not read', () => {
    expect(() => encodeSafetensors({ a: { dtype: 'F32', shape: [3], data: new Float32Array(2) } })).toThrow(
      'tensor "a": F32 [3] does not fit its data\'s bytes, got 8',
    );
    expect(() => encodeSafetensors({ a: { dtype: 'F32', shape: [-1], data: new Float32Array(1) } })).toThrow(
      'got [-1]',
    );
    expect(() => encodeSafetensors({ __metadata__: tensors['a']! })).toThrow('this name is reserved');
  });
});

describe('a hostile header', () => {
  const good = entry('F32', [1], [0, 4]);
  it.each([
    ['no bytes', new Uint8Array(0), 'at least 8 bytes, got 0'],
    ['a length beyond the cap', fileOf('{}', 0, 1e15), 'at most 25 MB'],
    ['a length beyond the file', fileOf('{}', 0, 3), 'ends beyond the file of 10 bytes (truncated?), got 3'],
    ['an array', fileOf('[]'), 'must begin with {, got "[]"'],
    ['not JSON', fileOf('{"a":}'), 'is not JSON'],
    ['deep nesting', fileOf(`{"a":${'['.repeat(1e6)}`), 'nested deeper than 3'],
    [
      'endless dimensions',
      fileOf(`{"a":{"shape":[${'1,'.repeat(1e6)}`),
      'tensor "a": more than 64 dimensions',
    ],
    ['empty entries', fileOf('{"a":{},"b":{}}'), 'tensor "a": an entry needs dtype, shape and data_offsets'],
    ['a name twice', fileOf(`{"a":${good},"\\u0061":${good}}`, 4), 'a name twice, got "a"'],
    ['an entry that is no object', fileOf('{"a":[1]}'), 'an entry needs'],
    ['an entry that is a number', fileOf('{"a":1}'), 'tensor "a": its entry must be an object, got 1'],
    [
      'an unknown dtype',
      fileOf(`{"a":${entry('F33', [1], [0, 4])}}`, 4),
      'tensor "a": unknown dtype, got "F33"',
    ],
    ['a dtype of Object', fileOf(`{"a":${entry('toString', [1], [0, 4])}}`, 4), 'unknown dtype'],
    ['a negative dimension', fileOf(`{"a":${entry('F32', [-1], [0, 4])}}`, 4), 'got [-1]'],
    ['a fraction', fileOf(`{"a":${entry('F32', [1.5], [0, 6])}}`, 6), 'got [1.5]'],
    ['an overflowing shape', fileOf(`{"a":${entry('F32', [2 ** 40, 2 ** 40, 0], [0, 0])}}`), '2^53 bytes'],
    ['one offset', fileOf(`{"a":${entry('F32', [1], [4])}}`, 4), 'data_offsets must be two'],
    ['offsets in reverse', fileOf(`{"a":${entry('F32', [1], [4, 0])}}`, 4), 'must span the 4 bytes'],
    ['offsets of another size', fileOf(`{"a":${entry('F32', [1], [0, 8])}}`, 8), 'F32 [1], got [0,8]'],
    [
      'an overlap',
      fileOf(`{"a":${good},"b":${entry('F32', [1], [2, 6])}}`, 6),
      'tensor "b": its data must begin at byte 4',
    ],
    ['a gap', fileOf(`{"a":${good},"b":${entry('F32', [1], [5, 9])}}`, 9), 'must begin at byte 4'],
    ['missing data', fileOf(`{"a":${good}}`, 3), 'truncated?'],
    ['trailing data', fileOf(`{"a":${good}}`, 5), 'trailing bytes'],
    ['metadata of numbers', fileOf('{"__metadata__":{"a":1}}'), '__metadata__.a must be a string, got 1'],
    ['metadata as text', fileOf('{"__metadata__":"a"}'), '__metadata__ must be an object'],
  ])('%s', (_, bytes, message) => {
    const error = errorOf(bytes);
    expect(error.message).toContain(message);
    expect(error.message.startsWith('x.safetensors: ')).toBe(true);
    expect(error.file).toBe('x.safetensors');
    expect(error.message.length).toBeLessThan(400);
  });

  it('in bad UTF-8', () => {
    const bytes = fileOf('{"a":1}');
    bytes[10] = 0xff;
    expect(errorOf(bytes).message).toContain('not UTF-8');
  });

  it('2,000 mutated files give tensors or a SafetensorsError, nothing else', () => {
    const whole = encodeSafetensors(tensors, { format: 'np' });
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const mutated = mutate(whole, round);
      try {
        const { tensors: read } = decodeSafetensors(mutated, 'fuzz');
        for (const { data } of Object.values(read))
          expect(data.byteLength).toBeLessThanOrEqual(whole.byteLength);
      } catch (error) {
        if (!(error instanceof SafetensorsError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});

/** A copy with one to eight edits: bytes replaced (half of them by JSON's own characters), or the end cut off. */
function mutate(bytes: Uint8Array, round: number): Uint8Array {
  const key = fold(seed(11), round);
  const draw = (name: string, bound: number) => integer(fold(key, name), bound);
  const out = bytes.slice(0, draw('cut', 5) === 0 ? draw('end', bytes.byteLength) : bytes.byteLength);
  const syntax = new TextEncoder().encode('{}[]",:0123456789-eE.\\u');
  for (let edit = 0; edit <= draw('edits', 8) && out.byteLength > 0; edit++) {
    const at = draw(
      `at ${edit}`,
      draw(`head ${edit}`, 4) === 0 ? Math.min(8, out.byteLength) : out.byteLength,
    );
    out[at] = draw(`kind ${edit}`, 2)
      ? syntax[draw(`byte ${edit}`, syntax.length)]!
      : draw(`byte ${edit}`, 256);
  }
  return out;
}

describe('parseSafetensorsHeader', () => {
  it('needs the header alone', () => {
    const bytes = encodeSafetensors(tensors);
    const { tensors: read } = parseSafetensorsHeader(
      bytes.subarray(0, bytes.byteLength - 21),
      bytes.byteLength,
      'f',
    );
    expect([...read.keys()]).toEqual(['b', 'é"', 'a', 'h', '0']);
    expect(read.get('b')).toMatchObject({ begin: bytes.byteLength - 21, end: bytes.byteLength - 13 });
    expect(() => parseSafetensorsHeader(bytes.subarray(0, 20), bytes.byteLength, 'f')).toThrow(
      SafetensorsError,
    );
  });
});
