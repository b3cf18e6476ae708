import type { Dtype, Named, TensorSpec } from '../host-tensor.js';

/** PyTorch's storage classes. */
const STORAGES: Readonly<Record<Dtype, string>> = {
  ...{ F64: 'DoubleStorage', F32: 'FloatStorage', F16: 'HalfStorage', BF16: 'BFloat16Storage' },
  ...{ I64: 'LongStorage', I32: 'IntStorage', I16: 'ShortStorage', I8: 'CharStorage' },
  ...{ U8: 'ByteStorage', BOOL: 'BoolStorage' },
};

/**
 * The `data.pkl` of a checkpoint `{'model': OrderedDict(tensors), **notes}`, protocol 2 as `torch.save` writes it. The
 * storage of tensor number n has the key `n`.
 */
export function pickleCheckpoint(
  tensors: readonly (readonly [name: string, spec: TensorSpec])[],
  notes: Named<string | number | boolean>,
): Uint8Array {
  const out = new PickleWriter();
  out.op('\x80\x02}('); // PROTO 2, EMPTY_DICT, MARK
  out.text('model');
  out.op('ccollections\nOrderedDict\n)R('); // GLOBAL, EMPTY_TUPLE, REDUCE, MARK
  for (const [index, [name, { dtype, shape }]] of tensors.entries()) {
    out.text(name);
    const elements = shape.reduce((product, dim) => product * dim, 1);
    out.op('ctorch._utils\n_rebuild_tensor_v2\n(('); // GLOBAL, MARK of the arguments, MARK of the storage's id
    out.text('storage');
    out.op(`ctorch\n${STORAGES[dtype]}\n`);
    out.text(`${index}`);
    out.text('cpu');
    out.integer(elements);
    out.op('tQ'); // TUPLE, BINPERSID
    out.integer(0);
    out.tuple(shape);
    out.tuple(rowMajorStride(shape));
    out.op('\x89ccollections\nOrderedDict\n)RtR'); // NEWFALSE, no hooks, TUPLE, REDUCE
  }
  out.op('u'); // SETITEMS
  for (const [name, value] of Object.entries(notes)) {
    out.text(name);
    out.value(value);
  }
  out.op('u.'); // SETITEMS, STOP
  return out.bytes();
}

function rowMajorStride(shape: readonly number[]): number[] {
  const stride: number[] = [];
  let step = 1;
  for (const dim of [...shape].reverse()) {
    stride.unshift(step);
    step *= dim;
  }
  return stride;
}

/** Values as opcodes of protocol 2. */
class PickleWriter {
  readonly #bytes: number[] = [];

  /** Opcodes and lines, as Latin-1. */
  op(opcodes: string): void {
    for (let i = 0; i < opcodes.length; i++) this.#bytes.push(opcodes.charCodeAt(i));
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.op('X'); // BINUNICODE
    this.#uint32(bytes.byteLength);
    this.#bytes.push(...bytes);
  }

  integer(value: number): void {
    if (value >= 0 && value < 2 ** 31) {
      this.op('J'); // BININT
      this.#uint32(value);
      return;
    }
    this.op('\x8a\x08'); // LONG1 of 8 bytes
    for (let i = 0n; i < 8n; i++)
      this.#bytes.push(Number((BigInt.asUintN(64, BigInt(value)) >> (8n * i)) & 0xffn));
  }

  tuple(values: readonly number[]): void {
    this.op('('); // MARK
    for (const value of values) this.integer(value);
    this.op('t'); // TUPLE
  }

  value(value: string | number | boolean): void {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'boolean') return this.op(value ? '\x88' : '\x89');
    if (Number.isSafeInteger(value)) return this.integer(value);
    this.op('G'); // BINFLOAT, big-endian
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    for (let i = 0; i < 8; i++) this.#bytes.push(view.getUint8(i));
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #uint32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#bytes.push((value >>> shift) & 0xff);
  }
}
