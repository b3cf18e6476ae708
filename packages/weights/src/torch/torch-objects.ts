import { type Dtype, elementCount } from '../host-tensor.js';
import type { PickleGlobal, PickleHost, PickleObject, PickleValue } from '../pickle/pickle-machine.js';
import { decodeLatin1 } from '../pickle/pickle-reader.js';
import { PickleError } from '../weights-error.js';

/** A run of elements of one dtype in the file, which tensors look at. */
export interface TorchStorage extends PickleObject {
  readonly kind: 'storage';
  /** Its name in the file. */
  readonly key: string;
  /** `undefined` for bytes without a type of their own; the tensor has it then. */
  readonly dtype: Dtype | undefined;
  /** Elements; bytes when there is no dtype. */
  readonly length: number;
}

/** A view of a storage: element `(i, j, …)` is number `offset + i * stride[0] + j * stride[1] + …` of it. */
export interface TorchTensor extends PickleObject {
  readonly kind: 'tensor';
  readonly storage: TorchStorage;
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

/** An object whose fields are kept as data: `argparse.Namespace`. */
export interface TorchRecord extends PickleObject {
  readonly kind: 'record';
  readonly type: string;
  fields: PickleValue;
}

interface TorchDtype extends PickleGlobal {
  readonly dtype: Dtype | undefined;
}

interface NumpyDtype extends PickleObject {
  readonly kind: 'numpy dtype';
  readonly code: string;
}

/** PyTorch's storage classes and dtypes that have a counterpart in safetensors. */
const TORCH_DTYPES: Readonly<Record<string, Dtype>> = {
  ...{ 'torch.DoubleStorage': 'F64', 'torch.FloatStorage': 'F32', 'torch.HalfStorage': 'F16' },
  ...{ 'torch.BFloat16Storage': 'BF16', 'torch.LongStorage': 'I64', 'torch.IntStorage': 'I32' },
  ...{ 'torch.ShortStorage': 'I16', 'torch.CharStorage': 'I8', 'torch.ByteStorage': 'U8' },
  'torch.BoolStorage': 'BOOL',
  ...{ 'torch.float64': 'F64', 'torch.float32': 'F32', 'torch.float16': 'F16', 'torch.bfloat16': 'BF16' },
  ...{ 'torch.int64': 'I64', 'torch.int32': 'I32', 'torch.int16': 'I16', 'torch.int8': 'I8' },
  ...{ 'torch.uint8': 'U8', 'torch.bool': 'BOOL' },
};

/** Storages without a type: their length is in bytes. */
const UNTYPED = ['torch.storage.UntypedStorage', 'torch.UntypedStorage'];

/** numpy scalars by dtype: how to read their bytes. */
const NUMPY_SCALARS: Readonly<Record<string, (view: DataView) => PickleValue>> = {
  f8: (view) => view.getFloat64(0, true),
  f4: (view) => view.getFloat32(0, true),
  i8: (view) => toNumber(view.getBigInt64(0, true)),
  i4: (view) => view.getInt32(0, true),
  i2: (view) => view.getInt16(0, true),
  i1: (view) => view.getInt8(0),
  u8: (view) => toNumber(view.getBigUint64(0, true)),
  u4: (view) => view.getUint32(0, true),
  u2: (view) => view.getUint16(0, true),
  u1: (view) => view.getUint8(0),
  b1: (view) => view.getUint8(0) !== 0,
};

const PATHS = ['PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath'].flatMap((name) => [
  `pathlib.${name}`,
  `pathlib._local.${name}`,
]);
const MAX_PATH_PARTS = 64;
/** Longest text that is copied: device names, dtypes, parts of paths. */
const MAX_TEXT = 256;

/** Longest shape: PyTorch's limit is 64. */
const MAX_DIMS = 64;

/**
 * What names mean in a checkpoint, and it is all there is: tensors and parameters, storages, dtypes, ordered
 * dicts, the namespace of a script's arguments, numpy scalars, paths and small values in it. Everything becomes inert data.
 * @param file the checkpoint's name, for errors
 */
export function torchHost(file: string): PickleHost {
  const globals = allowList((problem, value) => {
    throw new PickleError(problem, { file, value });
  });
  return {
    global: (path) => globals.get(path),
    persistent: (id) => readStorage(id, file),
    build: (object, state) => {
      if (isObject(object, 'record')) (object as TorchRecord).fields = state;
      // Other states (an OrderedDict's `_metadata`, a dtype's byte order) say nothing that is needed here.
      return object;
    },
  };
}

type Fail = (problem: string, value: unknown) => never;
type Args = readonly PickleValue[];

function allowList(fail: Fail): ReadonlyMap<string, PickleGlobal> {
  const list = new Map<string, PickleGlobal>();
  const allow = (paths: readonly string[], call?: (args: Args) => PickleValue): void => {
    for (const path of paths)
      list.set(path, { kind: 'global', path, ...(call === undefined ? {} : { call }) });
  };
  for (const [path, dtype] of Object.entries(TORCH_DTYPES)) list.set(path, dtypeGlobal(path, dtype));
  for (const path of UNTYPED) list.set(path, dtypeGlobal(path, undefined));

  allow(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2'], (args) =>
    readTensor(args, fail),
  );
  allow(['torch._utils._rebuild_tensor_v3'], (args) => readTensor(args, fail, args[6]));
  allow(['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state'], ([data]) =>
    asTensor(data, fail),
  );
  // A subclass is rebuilt by calling (function, type, arguments, state); only plain parameters and tensors are known.
  allow(['torch._tensor._rebuild_from_type_v2'], ([rebuild, type, args]) => {
    const call = isObject(rebuild, 'global') ? (rebuild as PickleGlobal).call : undefined;
    if (call === undefined || !isObject(type, 'global') || !Array.isArray(args))
      return fail('a tensor is rebuilt from a function, a class and a tuple', typeof rebuild);
    return asTensor(call(args), fail);
  });
  allow(['torch.nn.parameter.Parameter', 'torch.Tensor', 'torch._tensor.Tensor']);
  allow(['torch.Size', 'builtins.tuple', 'builtins.list', '__builtin__.list'], ([items]) =>
    Array.isArray(items) ? items : [],
  );
  allow(['torch.device'], ([type, index]) =>
    index === undefined ? text(type) : `${text(type)}:${text(index)}`,
  );
  allow(['torch.serialization._get_layout'], ([layout]) => text(layout));

  allow(['collections.OrderedDict', 'builtins.dict', '__builtin__.dict'], ([pairs]) => dictOf(pairs));
  allow(['collections.defaultdict'], () => new Map());
  allow(
    ['builtins.set', '__builtin__.set', 'builtins.frozenset', '__builtin__.frozenset'],
    ([items]) => new Set(Array.isArray(items) ? items : []),
  );
  // As a default of a defaultdict, or a class beside a value.
  allow(['builtins.int', 'builtins.float', 'builtins.str', 'builtins.bool'], ([value]) => value ?? null);
  allow(['argparse.Namespace', 'types.SimpleNamespace'], (): TorchRecord => {
    return { kind: 'record', type: 'argparse.Namespace', fields: new Map() };
  });
  allow(PATHS, (parts) => parts.slice(0, MAX_PATH_PARTS).map(text).join('/').replace(/^\/\//, '/'));

  allow(['numpy.dtype'], ([code]): NumpyDtype => ({ kind: 'numpy dtype', code: text(code) }));
  allow(['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'], ([dtype, data]) =>
    numpyScalar(dtype, data, fail),
  );
  // Protocol 2 has no opcode for bytes: Python writes them as Latin-1 text and a call.
  allow(['_codecs.encode'], ([value, encoding]) =>
    typeof value === 'string' && encoding === 'latin1'
      ? Uint8Array.from(value, (character) => character.charCodeAt(0))
      : fail('bytes are written as Latin-1', encoding),
  );
  return list;
}

function dtypeGlobal(path: string, dtype: Dtype | undefined): TorchDtype {
  return { kind: 'global', path, dtype };
}

function dtypeOf(value: PickleValue | undefined): TorchDtype | undefined {
  return isObject(value, 'global') && 'dtype' in value ? (value as TorchDtype) : undefined;
}

/** ('storage', class, key, device, elements), and in the legacy format what part of another storage it is. */
function readStorage(id: PickleValue, file: string): TorchStorage {
  const fail: Fail = (problem, value) => {
    throw new PickleError(problem, { file, value });
  };
  if (!Array.isArray(id) || id[0] !== 'storage')
    return fail('it points at something that is no storage', typeof id);
  const [, type, key, , length, view] = id;
  const dtype = dtypeOf(type);
  if (dtype === undefined)
    return fail(
      'a storage of a class that is not known',
      isObject(type, 'global') ? (type as PickleGlobal).path : typeof type,
    );
  if (typeof key !== 'string' && typeof key !== 'number')
    return fail('a storage has a key of text', typeof key);
  if (!isNatural(length)) return fail('a storage has a length', length);
  if (view !== undefined && view !== null)
    return fail(
      'a storage that is a part of another is not supported: save it again with torch.save',
      `${key}`,
    );
  return { kind: 'storage', key: `${key}`, dtype: dtype.dtype, length };
}

/** (storage, offset, size, stride, …); `dtype` for storages that have none. */
function readTensor(args: Args, fail: Fail, dtypeArgument?: PickleValue): TorchTensor {
  const [storage, offset, shape, stride] = args;
  if (!isObject(storage, 'storage')) return fail('a tensor needs a storage', typeof storage);
  const { dtype = dtypeOf(dtypeArgument)?.dtype } = storage as TorchStorage;
  if (dtype === undefined) return fail('a tensor has a dtype that is not known', describe(dtypeArgument));
  if (!isNatural(offset)) return fail("a tensor's offset must be a whole number", offset);
  if (!isNaturals(shape) || !isNaturals(stride) || shape.length !== stride.length || shape.length > MAX_DIMS)
    return fail(
      "a tensor's size and stride must be equally many whole numbers, not negative",
      describe(shape),
    );
  if (elementCount(shape) === undefined) return fail('a tensor has more than 2^53 elements', shape);
  return {
    kind: 'tensor',
    storage: storage as TorchStorage,
    dtype,
    offset,
    shape: [...shape],
    stride: [...stride],
  };
}

function asTensor(value: PickleValue | undefined, fail: Fail): TorchTensor {
  return isObject(value, 'tensor')
    ? (value as TorchTensor)
    : fail('a parameter needs a tensor', describe(value));
}

function numpyScalar(dtype: PickleValue | undefined, data: PickleValue | undefined, fail: Fail): PickleValue {
  const code = isObject(dtype, 'numpy dtype') ? (dtype as NumpyDtype).code : '';
  const decode = Object.hasOwn(NUMPY_SCALARS, code)
    ? NUMPY_SCALARS[code]!
    : fail('a numpy scalar of a dtype that is not known', code);
  const bytes =
    typeof data === 'string' ? Uint8Array.from(data, (character) => character.charCodeAt(0)) : data;
  if (!(bytes instanceof Uint8Array) || bytes.byteLength !== Number(code.slice(1)))
    return fail(`a numpy scalar of ${code} has other bytes`, describe(data));
  return decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

function dictOf(pairs: PickleValue | undefined): Map<PickleValue, PickleValue> {
  if (pairs instanceof Map) return new Map(pairs);
  const list = Array.isArray(pairs) ? pairs : [];
  return new Map(
    list.flatMap((pair) => (Array.isArray(pair) ? [[pair[0] ?? null, pair[1] ?? null] as const] : [])),
  );
}

/** Is this value a host's object of that kind? */
export function isObject(value: PickleValue | undefined, kind: string): value is PickleObject {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

function isNatural(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isNaturals(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isNatural);
}

function text(value: PickleValue | undefined): string {
  if (value instanceof Uint8Array) return decodeLatin1(value.subarray(0, MAX_TEXT));
  return typeof value === 'object' || value === undefined ? '' : `${value}`.slice(0, MAX_TEXT);
}

function describe(value: PickleValue | undefined): unknown {
  if (isObject(value, 'global')) return (value as PickleGlobal).path;
  return Array.isArray(value) ? value.slice(0, 8).map((each) => typeof each) : typeof value;
}

function toNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
