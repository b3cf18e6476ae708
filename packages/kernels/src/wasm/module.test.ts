import { setFlagsFromString } from 'node:v8';
import { gzipSync } from 'node:zlib';
import { fold, normal, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { type ModuleSource, RELAXED_SIMD, SIMD } from './module-bytes.js';
import type { WasmExports } from './module-loading.js';
import { webAssembly } from './web-assembly.js';

const key = fold(seed(1), 'wasm module');
const PAGE = 65536;
const CANARY = 12345;

// Node 20 knows relaxed SIMD under a flag; hosts that have it anyway ignore this.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const builds: [string, ModuleSource][] = [
  ['SIMD', SIMD],
  ['relaxed SIMD', RELAXED_SIMD],
];

function bytesOf({ base64, memoryFlagsAt }: ModuleSource, shared = false): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  if (shared) bytes[memoryFlagsAt]! |= 2;
  return bytes;
}

/**
 * A memory of its own, in which every array has canaries around it, but the one named `last`: that one ends
 * with the memory's last byte, so that reading or writing past it traps.
 */
function layOut(code: ModuleSource, sizes: Record<string, number>, last: string, shared = false) {
  const api = webAssembly!;
  const floatsNeeded = Object.values(sizes).reduce((sum, size) => sum + size + 8, 64);
  const pages = Math.ceil((floatsNeeded * 4) / PAGE);
  const memory = new api.Memory({ initial: pages, maximum: 65536, shared });
  const heap = new Float32Array(memory.buffer).fill(CANARY);
  const at: Record<string, number> = { [last]: heap.length - sizes[last]! };
  let next = 4;
  for (const [name, size] of Object.entries(sizes)) {
    if (name !== last) at[name] = next;
    if (name !== last) next += size + 4 + ((4 - (size % 4)) % 4);
  }
  const inputs: Record<string, Float32Array> = {};
  for (const [name, size] of Object.entries(sizes)) {
    inputs[name] = normal(fold(key, name), size);
    heap.set(inputs[name], at[name]!);
  }
  const address = (name: string): number => at[name]! * 4;
  const read = (name: string): Float32Array => heap.slice(at[name]!, at[name]! + sizes[name]!);
  const assertUnharmed = (): void => {
    const owned = new Uint8Array(heap.length);
    for (const [name, size] of Object.entries(sizes)) owned.fill(1, at[name]!, at[name]! + size);
    expect(heap.findIndex((value, i) => owned[i] === 0 && value !== CANARY)).toBe(-1);
  };
  const module = new api.Module(bytesOf(code, shared));
  const exports = new api.Instance(module, { env: { memory, log: Math.log } }).exports as WasmExports;
  const writeIds = (name: string, ids: readonly number[]): void =>
    new Int32Array(memory.buffer).set(ids, at[name]!);
  return { exports, address, read, inputs, assertUnharmed, writeIds };
}

type Products = { aT: boolean; bT: boolean; m: number; n: number; k: number; bias: boolean };

function product({ aT, bT, m, n, k, bias }: Products, inputs: Record<string, Float32Array>): Float64Array {
  const { a, b, bias: shift } = inputs as { a: Float32Array; b: Float32Array; bias: Float32Array };
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let x = 0; x < k; x++) sum += a[aT ? x * m + i : i * k + x]! * b[bT ? j * k + x : x * n + j]!;
      c[i * n + j] = 0.5 * sum + (bias ? shift[j]! : 0);
    }
  return c;
}

function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

function runGemm(code: ModuleSource, products: Products, last: string, shared = false) {
  const { aT, bT, m, n, k, bias } = products;
  const measure = layOut(code, { none: 1 }, 'none').exports;
  const scratch = measure.gemmScratchBytes(m, n, k) / 4;
  const arena = layOut(code, { scratch, a: m * k, b: k * n, c: m * n, bias: n }, last, shared);
  const { exports, address } = arena;
  exports.gemm(
    Number(aT),
    Number(bT),
    m,
    n,
    k,
    0.5,
    address('a'),
    aT ? m : k,
    address('b'),
    bT ? k : n,
    address('c'),
    n,
    bias ? address('bias') : 0,
    address('scratch'),
  );
  arena.assertUnharmed();
  return { c: arena.read('c'), inputs: arena.inputs };
}

const TRANSPOSES: [string, boolean, boolean][] = [
  ['A B', false, false],
  ['A Bᵀ', false, true],
  ['Aᵀ B', true, false],
  ['Aᵀ Bᵀ', true, true],
];

describe.each(builds)('wasm module, %s', (name, code) => {
  const supported = webAssembly?.validate(bytesOf(code)) === true;
  const when = it.skipIf(!supported);

  it('is known to this host', (context) => {
    if (!supported) context.skip(`this host does not know ${name}`);
  });

  when('writes nothing into the memory that it imports', () => {
    const dataSection = 11;
    expect(sectionIds(bytesOf(code))).not.toContain(dataSection);
    layOut(code, { x: 1000 }, 'x').assertUnharmed();
  });

  describe.each(TRANSPOSES)('%s', (_name, aT, bT) => {
    when.each([
      [1, 1, 1],
      [3, 3, 3],
      [4, 8, 4],
      [17, 17, 32],
      [65, 65, 65],
      [5, 197, 17],
      [2, 16, 9],
      [14, 12, 5],
      [197, 12, 3],
      [131, 9, 389],
      [6, 523, 2],
    ])('%d x %d over %d, wherever memory ends', (m, n, k) => {
      for (const last of ['a', 'b', 'c', 'bias', 'scratch'])
        for (const bias of [false, true]) {
          const products = { aT, bT, m, n, k, bias };
          const { c, inputs } = runGemm(code, products, last);
          expect(largestError(c, product(products, inputs))).toBeLessThan(1e-6 * k + 1e-5);
        }
    });
  });

  when('gives the same bits every time, and in a shared memory', () => {
    const products = { aT: false, bT: true, m: 65, n: 70, k: 300, bias: true };
    const { c } = runGemm(code, products, 'a');
    expect(runGemm(code, products, 'b').c).toEqual(c);
    expect(runGemm(code, products, 'b', true).c).toEqual(c);
  });

  when.each([1, 3, 4, 17, 65])('other kernels keep to their arrays, %d wide', (width) => {
    const rows = 3;
    const n = rows * width;
    const measure = layOut(code, { none: 1 }, 'none').exports;
    const scratch = Math.max(measure.layerNormScratchBytes(width), measure.attentionScratchBytes(width, 3));
    const attention = 2 * width * 3;
    const sizes = {
      ...{
        loss: 1,
        scratch: scratch / 4,
        x: n,
        dy: n,
        y: n,
        other: n,
        sums: width,
        moreSums: width,
        weight: width,
      },
      ...{
        mean: rows,
        rstd: rows,
        qkv: 3 * attention,
        dqkv: 3 * attention,
        out: attention,
        p: 2 * width * width,
      },
    };
    for (const last of Object.keys(sizes)) {
      const { exports, address: at, assertUnharmed } = layOut(code, sizes, last);
      exports.gelu(at('x'), n, at('y'), at('other'));
      exports.columnSums(at('x'), rows, width, at('sums'));
      exports.sumOfSquares(at('x'), n);
      exports.adamw(at('x'), at('y'), at('other'), at('dy'), n, 1, 0.9, 0.95, 0.1, 1, 1e-8, 1);
      exports.layerNormForward(
        at('x'),
        at('weight'),
        at('sums'),
        1e-6,
        rows,
        width,
        at('y'),
        at('mean'),
        at('rstd'),
      );
      exports.layerNormBackward(
        at('dy'),
        at('x'),
        at('weight'),
        at('mean'),
        at('rstd'),
        rows,
        width,
        at('other'),
        at('sums'),
        at('moreSums'),
        at('scratch'),
      );
      exports.attentionForward(at('qkv'), at('out'), at('p'), 1, width, 2, 3, at('scratch'));
      exports.attentionBackward(at('out'), at('qkv'), at('p'), at('dqkv'), 1, width, 2, 3, at('scratch'));
      exports.crossEntropy(at('x'), at('dy'), rows, width, at('loss'), at('y'));
      exports.normPix(at('x'), rows, width, 1e-6, at('y'));
      exports.maskedMse(at('x'), at('dy'), at('mean'), rows, width, at('loss'), at('y'));
      // Rows of floats make no ids: all of these are out of range, and must not be followed.
      exports.gatherTokens(at('x'), at('mean'), 1, rows, rows, width, at('y'));
      exports.restoreTokens(at('x'), at('weight'), at('rstd'), 1, rows, rows, width, at('y'));
      exports.takeTokens(at('x'), 1, rows, 1, rows - 1, width, at('y'));
      assertUnharmed();
    }
  });

  when('takes ids of the last token, and gives NaN for one beyond it', () => {
    const sizes = { x: 2 * 3 * 5, ids: 4, y: 2 * 2 * 5 };
    for (const last of Object.keys(sizes)) {
      const { exports, address, read, inputs, assertUnharmed, writeIds } = layOut(code, sizes, last);
      writeIds('ids', [2, 0, 3, -1]);
      exports.gatherTokens(address('x'), address('ids'), 2, 3, 2, 5, address('y'));
      const x = inputs['x']!;
      expect([...read('y').slice(0, 10)]).toEqual([...x.slice(10, 15), ...x.slice(0, 5)]);
      expect(read('y').slice(10).every(Number.isNaN)).toBe(true);
      assertUnharmed();
    }
  });

  when('GELU and its slope are those of float64, to 2e-6', () => {
    const size = 4001;
    const { exports, address, read, inputs } = layOut(code, { x: size, y: size, slope: size }, 'slope');
    exports.gelu(address('x'), size, address('y'), address('slope'));
    const y = read('y');
    const expected = inputs['x']!.map((value) => value * normalDistribution(value));
    const slopes = inputs['x']!.map(
      (value) =>
        normalDistribution(value) + (value * Math.exp(-0.5 * value * value)) / Math.sqrt(2 * Math.PI),
    );
    expect(largestError(y, expected)).toBeLessThan(2e-6);
    expect(largestError(read('slope'), slopes)).toBeLessThan(2e-6);
  });
});

/** Φ(x) by its power series, exact to float64 for |x| < 6. */
function normalDistribution(x: number): number {
  let term = x;
  let sum = x;
  for (let i = 1; i < 200; i++) {
    term *= (x * x) / (2 * i + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

function sectionIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  let at = 8;
  while (at < bytes.length) {
    ids.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += size;
  }
  return ids;
}

describe('module-bytes.ts', () => {
  it('is what build-wasm.mjs makes of assembly/', async (context) => {
    try {
      await import('assemblyscript/asc');
    } catch {
      context.skip('assemblyscript is not installed');
    }
    const { generate } = await import('../../build-wasm.mjs');
    const { builds: fresh } = await generate();
    expect(fresh.SIMD).toEqual(SIMD);
    expect(fresh.RELAXED_SIMD).toEqual(RELAXED_SIMD);
  });

  it('costs a bundle under 40 KB', () => {
    expect(gzipSync(SIMD.base64 + RELAXED_SIMD.base64).length).toBeLessThan(40_000);
  });
});
