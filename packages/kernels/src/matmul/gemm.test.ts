import { gpuEngine } from '@maehem/backend';
import { fold, seed, uniform } from '@maehem/random';
import { describeInHalfPrecision, describeOnBackend, expectClose, validateWgsl } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { geluReference } from '../gelu/reference.js';
import { halve } from '../half/half.js';
import { readHalves } from '../half/read-halves.js';
import type { GpuTraits } from '../webgpu/gpu-traits.js';
import { deal } from './deal.js';
import { type GemmProgram, type GemmTile, gemmWgsl, gemmWorkgroupBytes, partStride } from './gemm.wgsl.js';
import {
  gemmSubgroupMatrixWgsl,
  type MatrixConfig,
  type MatrixProgram,
  type MatrixTile,
} from './gemm-subgroup-matrix.wgsl.js';
import {
  chooseGemm,
  DIRECT_GRADIENT_TILE,
  DIRECT_TILE,
  type GemmChoice,
  type GemmSize,
  GPU_TILES,
  SOFTWARE_TILE,
} from './gemm-tiles.js';
import { lineLength } from './slab.wgsl.js';
import { chooseMatrixTile, MATRIX_TILES } from './tensor-cores.js';
import { type GemmCall, gemm, gemmOnTensorCores, programTraits } from './webgpu.js';

/** NVIDIA's subgroups; and those that emulated matrices take. */
const WARPS = { size: 32, asked: false };
const ONE = { size: 1, asked: false };

const key = fold(seed(1), 'gemm');

/** Beside each tensor lie numbers that must not be touched; beside what is read they are no numbers. */
const GUARD = 32;
const UNTOUCHED = 12345;
const UNTOUCHED_HALF = 12344;

function guarded(values: Float32Array, guard: number): tf.Tensor1D {
  const padded = new Float32Array(Math.ceil(values.length / 4) * 4 + GUARD).fill(guard);
  padded.set(values);
  return tf.tensor1d(padded);
}

function expectGuard(values: ArrayLike<number>, length: number, half = false): void {
  const guard = Array(GUARD).fill(half ? UNTOUCHED_HALF : UNTOUCHED);
  expect(Array.from(values).slice(length, length + GUARD)).toEqual(guard);
}

/** A software adapter takes long to compile large tiles, the longer the more it shares its cores. */
const COMPILING = 600_000;

/** Which of the matrices lie in memory as halves. */
type Halves = { a?: boolean; b?: boolean; out?: boolean };

/** A tile of subgroup matrices, which arrays stand in for. */
interface EmulatedChoice {
  readonly tile: MatrixTile;
  readonly config: MatrixConfig;
  readonly splits: number;
  readonly depth: number;
}

type Extras = { bias?: boolean; residual?: boolean; factor?: boolean; gelu?: boolean; rowSums?: boolean };
type Alongs = Pick<GemmCall, 'aAlong' | 'bAlong'>;

const NT: Alongs = { aAlong: 'k', bAlong: 'k' };
const NN: Alongs = { aAlong: 'k', bAlong: 'rows' };
const TN: Alongs = { aAlong: 'rows', bAlong: 'rows' };
const TT: Alongs = { aAlong: 'rows', bAlong: 'k' };

/** One product with this tile against tfjs's own. Inputs are exact in half precision; half an output is rounded once. */
async function check(
  size: GemmSize,
  alongs: Alongs,
  extras: Extras,
  choice: GemmChoice | EmulatedChoice,
  halves: Halves = {},
): Promise<void> {
  const { batch, m, n, k } = size;
  const gpu = gpuEngine(tf.backend());
  const random = (name: string, length: number) =>
    uniform(fold(key, name), length).map((x) => Math.round(128 * x - 64) / 64);
  const a = random('a', batch * m * k);
  const b = random('b', batch * k * n);
  const like = (name: string, wanted: boolean | undefined, length: number) =>
    wanted ? random(name, length) : undefined;
  const bias = like('bias', extras.bias, n);
  const residual = like('residual', extras.residual, batch * m * n);
  const factor = like('factor', extras.factor, batch * m * n);
  const input = (values: Float32Array | undefined, half = false) =>
    values === undefined ? undefined : inMemory(guarded(values, Number.NaN), half);
  const output = (wanted: boolean | undefined, length: number, half = false) =>
    wanted ? inMemory(guarded(new Float32Array(length), UNTOUCHED), half) : undefined;
  const inMemory = (tensor: tf.Tensor, half: boolean) =>
    half ? tf.engine().makeTensorFromTensorInfo(halve(gpu, [tensor])[0]!) : tensor;
  const read = async (tensor: tf.Tensor) =>
    tensor.dtype === 'int32' ? readHalves(await tensor.data()) : await tensor.data();

  const out = output(true, batch * m * n, halves.out)!;
  const geluDerivative = output(extras.gelu, batch * m * n, halves.out);
  const rowSums = output(extras.rowSums, m);
  const call = {
    size,
    ...alongs,
    a: input(a, halves.a)!,
    b: input(b, halves.b)!,
    alpha: 0.5,
    out,
    bias: input(bias),
    residual: input(residual, halves.out),
    factor: input(factor, halves.out),
    geluDerivative,
    rowSums,
  };
  const wanted = extras.rowSums ? { ...call, alpha: 1 } : call;
  if ('config' in choice) {
    const { tile, config, ...parts } = choice;
    const program = { ...programTraits(call), tile, config, subgroups: ONE, dialect: 'emulated' as const };
    gemmOnTensorCores(gpu, wanted, { program, ...parts });
  } else gemm(gpu, wanted, choice);

  const { value, sums } = tf.tidy(() => {
    const first = tf.tensor3d(a, alongs.aAlong === 'k' ? [batch, m, k] : [batch, k, m]);
    const second = tf.tensor3d(b, alongs.bAlong === 'k' ? [batch, n, k] : [batch, k, n]);
    const product = tf.matMul(first, second, alongs.aAlong === 'rows', alongs.bAlong === 'k');
    let result: tf.Tensor = extras.rowSums ? product : tf.mul(product, 0.5);
    if (bias !== undefined) result = tf.add(result, tf.tensor1d(bias));
    if (extras.gelu) result = geluReference(result);
    if (factor !== undefined) result = tf.mul(result, tf.tensor3d(factor, [batch, m, n]));
    if (residual !== undefined) result = tf.add(result, tf.tensor3d(residual, [batch, m, n]));
    return { value: result, sums: tf.sum(first, [0, 1]) };
  });
  const made = await read(out);
  expectGuard(made, batch * m * n, halves.out);
  await expectClose(made.slice(0, batch * m * n), value, halves.out ? 2 ** -11 : 2e-5);
  if (rowSums === undefined) return;
  const madeSums = await rowSums.data();
  expectGuard(madeSums, m);
  await expectClose(madeSums.slice(0, m), sums, 2e-5);
}

const whole = (tile: GemmTile, k: number): GemmChoice => ({ tile, splits: 1, depth: k });

describeOnBackend('gemm', 'webgpu', () => {
  const odd = { batch: 1, m: 37, n: 19, k: 21 };
  const even = { batch: 1, m: 36, n: 20, k: 24 };

  // The larger tiles take a software adapter seconds to compile: each meets one layout, and all layouts a tile.
  it.each<[string, GemmTile, GemmSize, Alongs, Extras]>([
    ['128 x 128', GPU_TILES[0]!, even, NT, {}],
    ['128 x 64', GPU_TILES[1]!, even, TN, { rowSums: true }],
    ['64 x 64', GPU_TILES[2]!, odd, NT, { bias: true }],
    ['64 x 32', GPU_TILES[3]!, even, NN, {}],
    ['32 x 32', GPU_TILES[4]!, odd, NN, {}],
    ['16 x 16', GPU_TILES[5]!, even, TT, {}],
    ['16 x 16, odd', GPU_TILES[5]!, odd, TN, { rowSums: true }],
  ])(
    '%s',
    (_name, tile, size, alongs, extras) => check(size, alongs, extras, whole(tile, size.k)),
    COMPILING,
  );

  it.each<[string, Extras]>([
    ['bias and GELU', { bias: true, gelu: true }],
    ['bias and residual', { bias: true, residual: true }],
    ['factor', { factor: true }],
  ])('%s', async (_name, extras) => {
    for (const tile of [SOFTWARE_TILE, DIRECT_TILE])
      for (const size of [odd, even]) await check(size, NT, extras, whole(tile, size.k));
  });

  it('without workgroup memory, in all layouts', async () => {
    for (const size of [odd, even]) {
      for (const alongs of [NN, TT]) await check(size, alongs, {}, whole(DIRECT_TILE, size.k));
      await check(size, TN, { rowSums: true }, whole(DIRECT_GRADIENT_TILE, size.k));
    }
    await check({ ...odd, batch: 3 }, NN, {}, whole(DIRECT_TILE, odd.k));
  });

  it('edges: sizes of a token, of less than a tile, of a tile and one', async () => {
    // What lies behind a row, or behind the matrix, is read and must not show: neighbours' rows, or what is no number.
    const sizes: [number, number, number, number][] = [
      [1, 1, 1, 1],
      [2, 3, 5, 3],
      [2, 17, 17, 17],
      [2, 20, 36, 6],
      [1, 65, 9, 33],
      [1, 5, 197, 20],
    ];
    for (const [batch, m, n, k] of sizes)
      for (const alongs of [NT, NN]) await check({ batch, m, n, k }, alongs, {}, whole(SOFTWARE_TILE, k));
    await check({ batch: 1, m: 65, n: 17, k: 33 }, TN, { rowSums: true }, whole(SOFTWARE_TILE, 33));
  });

  it('keeps what is infinite, or no number, to its row', async () => {
    const gpu = gpuEngine(tf.backend());
    const [m, n, k] = [6, 8, 5];
    const ones = (length: number) => new Float32Array(length).fill(1);
    const a = ones(m * k);
    a[2 * k + 4] = Number.POSITIVE_INFINITY;
    a[3 * k] = Number.NaN;
    const out = tf.tensor1d(ones(m * n));
    const size = { batch: 1, m, n, k };
    gemm(gpu, { size, a: tf.tensor1d(a), b: tf.tensor1d(ones(k * n)), ...NT, out }, whole(SOFTWARE_TILE, k));
    const rows = [k, k, Number.POSITIVE_INFINITY, Number.NaN, k, k];
    expect(Array.from(await out.data())).toEqual(rows.flatMap((value) => Array(n).fill(value)));
  });

  it('batches of products', () => check({ ...odd, batch: 3 }, NN, {}, whole(SOFTWARE_TILE, odd.k)));

  it('sums that are split along k', async () => {
    for (const { m, n } of [odd, even, { m: 13, n: 8 }])
      for (const k of [64, 75])
        await check(
          { batch: 1, m, n, k },
          TN,
          { rowSums: true },
          { tile: SOFTWARE_TILE, splits: 3, depth: 32 },
        );
  });
});

describeInHalfPrecision('gemm in half precision', () => {
  const odd = { batch: 1, m: 36, n: 19, k: 22 };
  const even = { batch: 1, m: 36, n: 20, k: 24 };

  it.each<[string, Alongs, Extras, Halves]>([
    ['forward', NT, { bias: true }, { a: true, b: true, out: true }],
    ['forward with residual', NT, { bias: true, residual: true }, { a: true, b: true }],
    ['forward with GELU', NT, { bias: true, gelu: true }, { a: true, b: true, out: true }],
    ['input gradient', NN, { factor: true }, { b: true, out: true }],
    ['input gradient from halves', NN, {}, { a: true, b: true, out: true }],
    ['weight gradient', TN, { rowSums: true }, { b: true }],
    ['weight gradient from halves', TN, { rowSums: true }, { a: true, b: true }],
  ])('%s', async (_name, alongs, extras, halves) => {
    for (const size of [odd, even]) await check(size, alongs, extras, whole(SOFTWARE_TILE, size.k), halves);
  });

  it('sums that are split along k', () =>
    check(
      { batch: 1, m: 36, n: 20, k: 75 },
      TN,
      { rowSums: true },
      { tile: SOFTWARE_TILE, splits: 3, depth: 32 },
      { a: true, b: true },
    ));
});

describeInHalfPrecision('gemm on emulated tensor cores', () => {
  const odd = { batch: 1, m: 37, n: 19, k: 21 };
  const even = { batch: 1, m: 36, n: 20, k: 24 };
  const tile = { m: 8, n: 16, k: 8, subgroupsM: 2, subgroupsN: 2 };
  const config = { m: 4, n: 4, k: 4 };
  const emulated = (k: number, splits = 1, depth = k): EmulatedChoice => ({ tile, config, splits, depth });

  // Each takes a software adapter some seconds to compile.
  it.each<[string, GemmSize, Alongs, Extras]>([
    ['forward', odd, NT, { bias: true, gelu: true }],
    ['forward with residual', even, NT, { bias: true, residual: true }],
    ['input gradient', odd, NN, { factor: true }],
    ['weight gradient', even, TN, { rowSums: true }],
    ['both transposed', odd, TT, {}],
    ['batches', { ...even, batch: 3 }, NN, {}],
  ])('%s', (_name, size, alongs, extras) => check(size, alongs, extras, emulated(size.k)));

  it('halves, and matrices that are not square', () =>
    check(
      { ...even, k: 40 },
      NT,
      { bias: true },
      {
        tile: { m: 16, n: 16, k: 16, subgroupsM: 1, subgroupsN: 2 },
        config: { m: 16, n: 8, k: 16 },
        ...{ splits: 1, depth: 40 },
      },
      { a: true, b: true, out: true },
    ));

  it('sums that are split along k', () =>
    check({ ...odd, k: 75 }, TN, { rowSums: true }, emulated(75, 3, 32)));
});

describe('gemm on tensor cores', () => {
  const config = { m: 16, n: 16, k: 16 };
  const traits: Omit<GemmProgram, 'tile' | 'split'> = {
    a: { along: 'k', vector: true, precision: 'f16' },
    b: { along: 'k', vector: true, precision: 'f16' },
    out: { vector: true, precision: 'f16' },
    epilogue: {},
  };
  const device: GpuTraits = {
    ...{ software: false, vendor: 'nvidia', workgroupBytes: 49152, workgroupInvocations: 1024 },
    ...{ subgroups: WARPS, matrixConfig: config },
  };

  it('is valid WGSL, in all shapes', async (context) => {
    const { epilogue, ...plain } = traits;
    const along = (a: 'k' | 'rows', b: 'k' | 'rows') => ({
      a: { ...traits.a, along: a },
      b: { ...traits.b, along: b },
    });
    const programs: Omit<MatrixProgram, 'tile' | 'config' | 'subgroups' | 'dialect'>[] = [
      { ...plain, epilogue: { bias: true, gelu: true } },
      { ...plain, out: { vector: true, precision: 'f32' }, epilogue: { bias: true, residual: true } },
      { ...plain, ...along('k', 'rows'), epilogue: { factor: true } },
      { ...plain, ...along('rows', 'rows'), epilogue, rowSums: true },
      { ...plain, ...along('rows', 'rows'), epilogue, rowSums: true, split: true },
    ];
    for (const matrixConfig of [config, { m: 16, n: 8, k: 16 }, { m: 8, n: 8, k: 8 }])
      for (const tile of MATRIX_TILES)
        for (const program of programs) {
          const dialect = 'subgroup-matrix' as const;
          const whole = { ...program, tile, config: matrixConfig, subgroups: WARPS, dialect };
          const errors = await validateWgsl(gemmSubgroupMatrixWgsl(whole));
          if (errors === undefined) return context.skip('Dawn is not installed');
          expect(errors).toEqual([]);
        }
    const asking = { ...programs[0]!, tile: MATRIX_TILES[0]!, config, dialect: 'subgroup-matrix' as const };
    const wgsl = gemmSubgroupMatrixWgsl({ ...asking, subgroups: { size: 32, asked: true } });
    expect(wgsl).toContain('@subgroup_size(32)');
    expect(await validateWgsl(wgsl)).toEqual([]);
  });

  it('takes halves alone, where the adapter has the matrices', () => {
    const size = { batch: 1, m: 12608, n: 1536, k: 512 };
    expect(chooseMatrixTile(size, traits, device)?.program.tile).toBe(MATRIX_TILES[0]);
    expect(chooseMatrixTile({ ...size, m: 64 }, traits, device)?.program.tile).toBe(MATRIX_TILES[1]);
    const single = { ...traits.a, precision: 'f32' as const };
    expect(chooseMatrixTile(size, { ...traits, a: single, b: single }, device)).toBeUndefined();
    const { matrixConfig: _, ...without } = device;
    expect(chooseMatrixTile(size, traits, without)).toBeUndefined();
  });

  it('splits weight gradients in whole slabs, until there are enough workgroups', () => {
    const size = { batch: 1, m: 512, n: 512, k: 12608 };
    const gradient = { ...traits, a: { ...traits.a, along: 'rows' as const }, rowSums: true };
    const { splits, depth, program } = chooseMatrixTile(size, gradient, device)!;
    expect(splits).toBeGreaterThan(1);
    expect(depth % program.tile.k).toBe(0);
    expect((splits - 1) * depth).toBeLessThan(size.k);
    expect(splits * depth).toBeGreaterThanOrEqual(size.k);
    expect(chooseMatrixTile(size, traits, device)?.splits).toBe(1);
  });

  it('keeps to the workgroup memory of the device', () => {
    const size = { batch: 1, m: 4096, n: 4096, k: 4096 };
    const small = chooseMatrixTile(size, traits, { ...device, workgroupBytes: 16384 });
    expect(small?.program.tile).toBe(MATRIX_TILES[1]);
    expect(chooseMatrixTile(size, traits, { ...device, workgroupBytes: 8192 })).toBeUndefined();
  });

  it('refuses tiles that are not of whole matrices', () => {
    const program = {
      ...traits,
      tile: MATRIX_TILES[0]!,
      subgroups: WARPS,
      dialect: 'subgroup-matrix' as const,
    };
    expect(() => gemmSubgroupMatrixWgsl({ ...program, config: { m: 16, n: 24, k: 16 } })).toThrow(
      'not of whole subgroup matrices',
    );
  });
});

describe('chooseGemm', () => {
  const nvidia: GpuTraits = {
    software: false,
    vendor: 'nvidia',
    workgroupBytes: 32768,
    workgroupInvocations: 256,
  };
  const traits: Omit<GemmProgram, 'tile' | 'split'> = {
    a: { along: 'k', vector: true, precision: 'f32' },
    b: { along: 'k', vector: true, precision: 'f32' },
    out: { vector: true, precision: 'f32' },
    epilogue: {},
  };
  const gradient: typeof traits = { ...traits, a: { ...traits.a, along: 'rows' }, rowSums: true };

  it('gives large products large tiles, and small ones enough workgroups', () => {
    expect(chooseGemm({ batch: 1, m: 12608, n: 1536, k: 512 }, traits, nvidia).tile).toBe(GPU_TILES[0]);
    expect(chooseGemm({ batch: 1, m: 20, n: 96, k: 32 }, traits, nvidia).tile).toBe(GPU_TILES[4]);
  });

  it('splits weight gradients of many rows, and nothing else', () => {
    const size = { batch: 1, m: 512, n: 512, k: 12608 };
    const { splits, depth, tile } = chooseGemm(size, gradient, nvidia);
    expect(splits).toBeGreaterThan(4);
    expect(depth % tile.k).toBe(0);
    // Every part has something to sum, and together they cover k.
    expect((splits - 1) * depth).toBeLessThan(size.k);
    expect(splits * depth).toBeGreaterThanOrEqual(size.k);
    expect(chooseGemm(size, traits, nvidia).splits).toBe(1);
    expect(chooseGemm({ batch: 1, m: 96, n: 32, k: 20 }, gradient, nvidia).splits).toBe(1);
  });

  it('keeps to the limits of the device', () => {
    const size = { batch: 1, m: 4096, n: 4096, k: 4096 };
    const small = chooseGemm(size, traits, { ...nvidia, workgroupBytes: 16384, workgroupInvocations: 64 });
    expect(small.tile).toBe(GPU_TILES[2]);
    expect(gemmWorkgroupBytes({ ...traits, tile: small.tile })).toBeLessThanOrEqual(16384);
    expect(() => chooseGemm(size, traits, { ...nvidia, workgroupBytes: 100 })).toThrow('no tile fits');
  });

  it('gives software adapters no workgroup memory', () => {
    const size = { batch: 1, m: 512, n: 512, k: 12608 };
    const software = { ...nvidia, software: true, workgroupBytes: 0 };
    expect(chooseGemm(size, traits, software)).toEqual(whole(DIRECT_TILE, size.k));
    expect(chooseGemm(size, gradient, software)).toEqual(whole(DIRECT_GRADIENT_TILE, size.k));
    expect(gemmWorkgroupBytes({ ...traits, tile: DIRECT_TILE })).toBe(0);
  });
});

describe('a slab in workgroup memory', () => {
  /** How many of eight neighbours that store at once want the same eighth of the banks, at most. */
  const conflicts = (along: 'k' | 'rows', across: number, depth: number) => {
    const line = lineLength({ along, across });
    const fours = Array.from({ length: 8 }, (_, local) =>
      along === 'k' ? (local % (depth / 2)) * line + Math.floor(local / (depth / 2)) : local,
    );
    const eighths = fours.map((four) => four % 8);
    return Math.max(...eighths.map((each) => eighths.filter((other) => other === each).length));
  };

  it('is stored without two invocations waiting for one bank', () => {
    for (const { m, n, k } of GPU_TILES)
      for (const across of [m, n])
        for (const along of ['k', 'rows'] as const) expect(conflicts(along, across, k)).toBe(1);
  });
});

describe('deal', () => {
  it('gives every cell of a grid to one invocation', () => {
    const grids: [threads: number, axes: number[]][] = [
      [4, [8, 16]],
      [64, [4, 8, 8]],
      [4, [4, 2, 1]],
      [256, [8, 128]],
    ];
    for (const [threads, axes] of grids) {
      const shares = deal(threads, axes);
      const cells = new Set<string>();
      for (let local = 0; local < threads; local++)
        for (const piece of shares[0]!.offsets.keys())
          cells.add(
            shares
              .map(({ first, offsets }) => {
                const [, stride, size] = /^\(local \/ (\d+)u % (\d+)u\)$/.exec(first) ?? [];
                const own = stride === undefined ? 0 : Math.floor(local / Number(stride)) % Number(size);
                return own + offsets[piece]!;
              })
              .join(),
          );
      expect(cells.size).toBe(axes.reduce((product, size) => product * size, 1));
    }
  });
});

describe('gemmWgsl', () => {
  const program: GemmProgram = {
    tile: SOFTWARE_TILE,
    a: { along: 'k', vector: true, precision: 'f16' },
    b: { along: 'rows', vector: true, precision: 'f32' },
    out: { vector: false, precision: 'f16' },
    epilogue: {},
  };

  it('stores half precision where asked, and sums in single', () => {
    const wgsl = gemmWgsl(program);
    expect(wgsl).toMatch(/^enable f16;/);
    expect(wgsl).toContain('a: array<vec2<f16>>');
    expect(wgsl).toContain('slabA: array<array<vec4<f32>');
    expect(wgsl).toContain('var c0_0 = vec4<f32>()');
    expect(gemmWgsl({ ...program, a: program.b, out: { vector: true, precision: 'f32' } })).not.toContain(
      'f16',
    );
  });

  it('refuses programs that make no sense', () => {
    expect(() => gemmWgsl({ ...program, tile: { ...SOFTWARE_TILE, k: 12 } })).toThrow('powers of two');
    const flat = { ...SOFTWARE_TILE, m: 64, n: 64, k: 4 };
    expect(() => gemmWgsl({ ...program, tile: flat })).toThrow('no piece for each invocation');
    expect(() => gemmWgsl({ ...program, rowSums: true })).toThrow('A along its rows');
    expect(() => gemmWgsl({ ...program, split: true })).toThrow('weight gradients');
  });

  it('leaves room for a whole vec4 of sums behind each part', () => {
    expect(partStride(3, 5)).toBe(20);
    expect(partStride(4, 4)).toBe(20);
  });
});
