import { PickleError } from '../weights-error.js';
import { PickleReader } from './pickle-reader.js';

/**
 * What a pickle may hold, as inert data: a dict is a `Map`, a set a `Set`, tuples and lists are arrays, integers beyond
 * ±(2^53 - 1) are `bigint`s, anything else is what `PickleHost` makes of it.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleObject;

/** Anything that a host makes: a tensor, a dtype, a storage. It is data, and never called by the machine. */
export interface PickleObject {
  readonly kind: string;
}

/** A class or function that a pickle names, and what the host lets it make. */
export interface PickleGlobal extends PickleObject {
  readonly kind: 'global';
  /** `module.name`, for errors. */
  readonly path: string;
  /** Make the value of a call `path(*args)`; absent for globals that are data themselves, such as dtypes. */
  readonly call?: (args: readonly PickleValue[]) => PickleValue;
}

/** The allow-list: what the names in a pickle mean. */
export interface PickleHost {
  /** The global of a name. @returns `undefined` for a name that is not on the list: the machine then stops. */
  readonly global: (path: string) => PickleGlobal | undefined;
  /** What a persistent id stands for: PyTorch's way of pointing at a storage. */
  readonly persistent: (id: PickleValue) => PickleValue;
  /** `object.__setstate__(state)`, as far as the host cares. */
  readonly build: (object: PickleValue, state: PickleValue) => PickleValue;
}

/** What a run of the machine gave. */
export interface Unpickled {
  readonly value: PickleValue;
  /** Bytes up to and with the STOP that ended it. */
  readonly length: number;
}

/** What a slot of the stack or the memo, and a container, cost in memory; an estimate. */
const SLOT_BYTES = 8;
const CONTAINER_BYTES = 64;
/** What any pickle may cost, however short it is. */
const FREE_BYTES = 2 ** 20;
/** Beyond that, a pickle may cost so many times its length. */
const COST_PER_BYTE = 4;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Run a pickle as data. Python's unpickler is a stack machine in which a stream may import and call anything; this
 * one knows the opcodes of protocols 0 to 5, imports nothing, and calls nothing but the host's constructors of inert
 * values. Memory is bounded by the stream's length: no opcode may claim more bytes than there are, and a
 * stream of nothing but containers is refused.
 * @param bytes a stream, with anything after its STOP
 * @param file its name, for errors
 * @throws PickleError naming the opcode, or the global that is not on the list
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, file: string): Unpickled {
  const machine = new PickleMachine(new PickleReader(bytes, file), host, file);
  return machine.run(FREE_BYTES + COST_PER_BYTE * bytes.byteLength);
}

class PickleMachine {
  readonly #reader: PickleReader;
  readonly #host: PickleHost;
  readonly #file: string;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #cost = 0;

  constructor(reader: PickleReader, host: PickleHost, file: string) {
    this.#reader = reader;
    this.#host = host;
    this.#file = file;
  }

  run(budget: number): Unpickled {
    for (;;) {
      const at = this.#reader.at;
      const opcode = this.#reader.byte();
      if (opcode === OPCODES.STOP) return { value: this.#pop(), length: this.#reader.at };
      this.#step(opcode, at);
      if (this.#cost > budget)
        throw new PickleError('it is made of containers to exhaust memory', { file: this.#file, value: at });
    }
  }

  #step(opcode: number, at: number): void {
    const read = this.#reader;
    switch (opcode) {
      case OPCODES.PROTO:
        return this.#protocol(read.byte());
      case OPCODES.FRAME:
        return void read.length64();
      case OPCODES.MARK:
        return this.#push(MARK);
      case OPCODES.POP:
        // A lone mark may be dropped, too.
        if (this.#stack.pop() === undefined) this.#underflow();
        return;
      case OPCODES.POP_MARK:
        return void this.#popToMark();
      case OPCODES.DUP:
        return this.#push(this.#peek());

      case OPCODES.NONE:
        return this.#push(null);
      case OPCODES.NEWTRUE:
        return this.#push(true);
      case OPCODES.NEWFALSE:
        return this.#push(false);
      case OPCODES.INT:
        return this.#push(read.decimalOrBoolean());
      case OPCODES.BININT:
        return this.#push(read.int32());
      case OPCODES.BININT1:
        return this.#push(read.byte());
      case OPCODES.BININT2:
        return this.#push(read.uint16());
      case OPCODES.LONG:
        return this.#push(read.decimalLong());
      case OPCODES.LONG1:
        return this.#push(read.long(read.byte()));
      case OPCODES.LONG4:
        return this.#push(read.long(read.length32()));
      case OPCODES.FLOAT:
        return this.#push(read.decimalFloat());
      case OPCODES.BINFLOAT:
        return this.#push(read.float64());

      case OPCODES.STRING:
        return this.#push(read.quotedLine());
      case OPCODES.BINSTRING:
        return this.#push(read.latin1(read.length32()));
      case OPCODES.SHORT_BINSTRING:
        return this.#push(read.latin1(read.byte()));
      case OPCODES.UNICODE:
        return this.#push(read.escapedLine());
      case OPCODES.BINUNICODE:
        return this.#push(read.utf8(read.length32()));
      case OPCODES.SHORT_BINUNICODE:
        return this.#push(read.utf8(read.byte()));
      case OPCODES.BINUNICODE8:
        return this.#push(read.utf8(read.length64()));
      case OPCODES.BINBYTES:
        return this.#push(read.bytes(read.length32()));
      case OPCODES.SHORT_BINBYTES:
        return this.#push(read.bytes(read.byte()));
      case OPCODES.BINBYTES8:
      case OPCODES.BYTEARRAY8:
        return this.#push(read.bytes(read.length64()));

      case OPCODES.EMPTY_LIST:
      case OPCODES.EMPTY_TUPLE:
        return this.#pushContainer([]);
      case OPCODES.LIST:
      case OPCODES.TUPLE:
        return this.#pushContainer(this.#popToMark());
      case OPCODES.TUPLE1:
        return this.#pushContainer(this.#popMany(1));
      case OPCODES.TUPLE2:
        return this.#pushContainer(this.#popMany(2));
      case OPCODES.TUPLE3:
        return this.#pushContainer(this.#popMany(3));
      case OPCODES.APPEND:
        return this.#append(this.#popMany(1));
      case OPCODES.APPENDS:
        return this.#append(this.#popToMark());
      case OPCODES.EMPTY_DICT:
        return this.#pushContainer(new Map());
      case OPCODES.DICT:
        return this.#pushContainer(this.#fill(new Map(), this.#popToMark()));
      case OPCODES.SETITEM:
        return this.#setItems(this.#popMany(2));
      case OPCODES.SETITEMS:
        return this.#setItems(this.#popToMark());
      case OPCODES.EMPTY_SET:
        return this.#pushContainer(new Set());
      case OPCODES.ADDITEMS:
        return this.#addItems(this.#popToMark());
      case OPCODES.FROZENSET:
        return this.#pushContainer(new Set(this.#popToMark()));

      case OPCODES.PUT:
        return this.#remember(read.decimalIndex());
      case OPCODES.BINPUT:
        return this.#remember(read.byte());
      case OPCODES.LONG_BINPUT:
        return this.#remember(read.length32());
      case OPCODES.MEMOIZE:
        return this.#remember(this.#memo.size);
      case OPCODES.GET:
        return this.#recall(read.decimalIndex());
      case OPCODES.BINGET:
        return this.#recall(read.byte());
      case OPCODES.LONG_BINGET:
        return this.#recall(read.length32());

      case OPCODES.GLOBAL:
        return this.#global(read.line(), read.line());
      case OPCODES.STACK_GLOBAL: {
        const [module, name] = this.#popMany(2);
        return this.#global(this.#text(module), this.#text(name));
      }
      case OPCODES.REDUCE:
      case OPCODES.NEWOBJ: {
        const [callable, args] = this.#popMany(2);
        return this.#call(callable, args);
      }
      case OPCODES.NEWOBJ_EX: {
        const [callable, args] = this.#popMany(3);
        return this.#call(callable, args);
      }
      case OPCODES.BUILD: {
        const [object, state] = this.#popMany(2) as [PickleValue, PickleValue];
        return this.#pushContainer(this.#host.build(object, state));
      }
      case OPCODES.BINPERSID:
        return this.#pushContainer(this.#host.persistent(this.#pop()));
      default:
        throw new PickleError(`opcode ${opcodeName(opcode)} at byte ${at} is not one that weights need`, {
          file: this.#file,
        });
    }
  }

  #protocol(version: number): void {
    if (version > 5) this.#fail('pickle protocols 0 to 5 are known', version);
  }

  #global(module: string, name: string): void {
    const path = `${module}.${name}`;
    const found = this.#host.global(path);
    if (found === undefined)
      this.#fail(
        'it asks for something that is not on the list of inert values, and nothing of it is run',
        path,
      );
    this.#pushContainer(found);
  }

  #call(callable: PickleValue | undefined, args: PickleValue | undefined): void {
    if (!isGlobal(callable)) return this.#fail('it calls something that is not a global', typeof callable);
    if (callable.call === undefined) return this.#fail('it calls what is no constructor', callable.path);
    if (!Array.isArray(args)) return this.#fail(`arguments of ${callable.path} must be a tuple`, typeof args);
    const made = callable.call(args);
    this.#spend(memoryOf(made));
    this.#pushContainer(made);
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#peek();
    if (!Array.isArray(list)) return this.#fail('it appends to something that is no list', typeof list);
    for (const item of items) list.push(item);
    this.#spend(items.length * SLOT_BYTES);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#peek();
    if (!(dict instanceof Map)) return this.#fail('it sets items of something that is no dict', typeof dict);
    this.#fill(dict, items);
  }

  #fill(dict: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    if (items.length % 2 !== 0) this.#fail('a dict needs pairs', items.length);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    this.#spend(items.length * 2 * SLOT_BYTES);
    return dict;
  }

  #addItems(items: readonly PickleValue[]): void {
    const set = this.#peek();
    if (!(set instanceof Set)) return this.#fail('it adds to something that is no set', typeof set);
    for (const item of items) set.add(item);
    this.#spend(items.length * 2 * SLOT_BYTES);
  }

  #remember(index: number): void {
    this.#spend(2 * SLOT_BYTES);
    this.#memo.set(index, this.#peek());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.#fail('it asks for a value that was never remembered', index);
    this.#push(value);
  }

  #push(value: Slot): void {
    this.#spend(SLOT_BYTES);
    this.#stack.push(value);
  }

  #pushContainer(value: PickleValue): void {
    this.#spend(CONTAINER_BYTES);
    this.#push(value);
  }

  #spend(bytes: number): void {
    this.#cost += bytes;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) return this.#underflow();
    return value;
  }

  #peek(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) return this.#underflow();
    return value;
  }

  /** The last `count` values, in the order in which they were pushed. */
  #popMany(count: number): PickleValue[] {
    const values: PickleValue[] = [];
    for (let i = 0; i < count; i++) values.push(this.#pop());
    return values.reverse();
  }

  /** Everything above the last mark, and the mark goes. */
  #popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.#underflow();
    return this.#stack.splice(mark).slice(1) as PickleValue[];
  }

  #text(value: PickleValue | undefined): string {
    return typeof value === 'string' ? value : this.#fail('a global has a name of text', typeof value);
  }

  #underflow(): never {
    return this.#fail('it takes more values than it gave', this.#reader.at);
  }

  #fail(problem: string, value: unknown): never {
    throw new PickleError(problem, { file: this.#file, value });
  }
}

/** About how many bytes a value that a call made holds: calls may copy what the stream has only once. */
function memoryOf(value: PickleValue): number {
  if (typeof value === 'string') return 2 * value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  if (value instanceof Map || value instanceof Set) return 4 * SLOT_BYTES * value.size;
  return 0;
}

function isGlobal(value: PickleValue | undefined): value is PickleGlobal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'global';
}

function opcodeName(opcode: number): string {
  return `0x${opcode.toString(16).padStart(2, '0')}`;
}

/** Opcodes by CPython's names (`pickletools`); those that are missing here are refused. */
const OPCODES = {
  ...{ PROTO: 0x80, FRAME: 0x95, STOP: 0x2e, MARK: 0x28, POP: 0x30, POP_MARK: 0x31, DUP: 0x32 },
  ...{ NONE: 0x4e, NEWTRUE: 0x88, NEWFALSE: 0x89, INT: 0x49, BININT: 0x4a, BININT1: 0x4b, BININT2: 0x4d },
  ...{ LONG: 0x4c, LONG1: 0x8a, LONG4: 0x8b, FLOAT: 0x46, BINFLOAT: 0x47 },
  ...{ STRING: 0x53, BINSTRING: 0x54, SHORT_BINSTRING: 0x55, UNICODE: 0x56, BINUNICODE: 0x58 },
  ...{ SHORT_BINUNICODE: 0x8c, BINUNICODE8: 0x8d, BINBYTES: 0x42, SHORT_BINBYTES: 0x43, BINBYTES8: 0x8e },
  ...{ BYTEARRAY8: 0x96, EMPTY_LIST: 0x5d, LIST: 0x6c, APPEND: 0x61, APPENDS: 0x65 },
  ...{ EMPTY_TUPLE: 0x29, TUPLE: 0x74, TUPLE1: 0x85, TUPLE2: 0x86, TUPLE3: 0x87 },
  ...{ EMPTY_DICT: 0x7d, DICT: 0x64, SETITEM: 0x73, SETITEMS: 0x75 },
  ...{ EMPTY_SET: 0x8f, ADDITEMS: 0x90, FROZENSET: 0x91 },
  ...{
    PUT: 0x70,
    BINPUT: 0x71,
    LONG_BINPUT: 0x72,
    MEMOIZE: 0x94,
    GET: 0x67,
    BINGET: 0x68,
    LONG_BINGET: 0x6a,
  },
  ...{ GLOBAL: 0x63, STACK_GLOBAL: 0x93, REDUCE: 0x52, NEWOBJ: 0x81, NEWOBJ_EX: 0x92, BUILD: 0x62 },
  ...{ BINPERSID: 0x51 },
} as const;
