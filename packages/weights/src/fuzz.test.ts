import { readFileSync } from 'node:fs';
import { fold, seed } from '@maehem/random';
import { mutate } from '@maehem/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytesSource, openWeights, WeightsError } from './index.js';
import { openModelFolder } from './model-folder.js';
import { unpickle } from './pickle/pickle-machine.js';
import { encodeSafetensors } from './safetensors.js';
import { loadTensor } from './tensor-source.js';
import { findStateDict } from './torch/state-dict.js';
import { torchHost } from './torch/torch-objects.js';
import { readZipDirectory, zipContentsStart } from './torch/zip-directory.js';

/** Damaged files per reader; each is decided by its number, so a failure can be run again alone. */
const RUNS = Number(process.env['MAEHEM_FUZZ_RUNS'] ?? 10_000);
const SEED = Number(process.env['MAEHEM_FUZZ_SEED'] ?? 20261124);
/** The most that reading may allocate, in file sizes, and what even an empty file may cost. */
const MAX_ALLOCATION = 4;
const FREE_BYTES = 4096;

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));

/** Bytes of buffers that were made since the last reset. */
let allocated = 0;

/** Count what constructors of buffers are asked for; views of a buffer cost nothing. */
function countAllocations(): void {
  for (const name of ['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Float32Array', 'Float64Array'] as const) {
    const real = globalThis[name] as unknown as {
      new (...args: unknown[]): { byteLength: number; buffer?: unknown };
    };
    const counting = new Proxy(real, {
      construct(target, args) {
        const made = new target(...args);
        if (!(args[0] instanceof ArrayBuffer)) allocated += made.byteLength;
        return made;
      },
    });
    vi.stubGlobal(name, counting);
  }
}

beforeEach(countAllocations);
afterEach(() => vi.unstubAllGlobals());

/**
 * Read `RUNS` damaged copies of some files.
 * @returns how many were read, and how many were refused
 */
async function fuzz(
  name: string,
  files: readonly Uint8Array[],
  read: (bytes: Uint8Array) => void | Promise<void>,
): Promise<{ read: number; refused: number }> {
  const count = { read: 0, refused: 0 };
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(fold(fold(seed(SEED), name), run), files[run % files.length]!);
    allocated = 0;
    try {
      await read(bytes);
      count.read++;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw new Error(`${name} run ${run}: ${(error as Error).stack}`);
      count.refused++;
    }
    if (allocated > MAX_ALLOCATION * bytes.byteLength + FREE_BYTES)
      throw new Error(`${name} run ${run}: ${allocated} bytes for a file of ${bytes.byteLength}`);
  }
  return count;
}

/** Open a file, then load each tensor; every load may cost as much as opening. */
async function readAll(bytes: Uint8Array): Promise<void> {
  const file = await openWeights(bytesSource(bytes, 'fuzz'));
  const opening = allocated;
  for (const source of Object.values(file.tensors)) {
    allocated = opening;
    await loadTensor(source);
  }
}

const small = (values: number[]) => ({
  dtype: 'F32' as const,
  shape: [values.length],
  data: Float32Array.from(values),
});

describe(`${RUNS} damaged files`, { timeout: 120_000 }, () => {
  it('of pickles give a value or a PickleError', async () => {
    const archives = ['checkpoint.pth', 'dtypes-protocol4.pth', 'parameters.pth', 'views.pth'].map(fixture);
    const pickles: Uint8Array[] = [];
    for (const archive of archives) {
      const source = bytesSource(archive);
      const [entry] = [...(await readZipDirectory(source)).values()].filter(({ name }) =>
        name.endsWith('data.pkl'),
      );
      const start = await zipContentsStart(source, entry!);
      pickles.push(archive.slice(start, start + entry!.size));
    }
    const count = await fuzz('pickle', pickles, (bytes) => {
      findStateDict(unpickle(bytes, torchHost('fuzz'), 'fuzz').value, 'fuzz');
    });
    expect(count.read + count.refused).toBe(RUNS);
    expect(Math.min(count.read, count.refused)).toBeGreaterThan(RUNS / 100);
  });

  it('of zip archives give tensors or an error', async () => {
    const count = await fuzz('zip', ['checkpoint.pth', 'views.pth', 'dtypes.pth'].map(fixture), readAll);
    expect(Math.min(count.read, count.refused)).toBeGreaterThan(RUNS / 100);
  });

  it("of PyTorch's older format give tensors or an error", async () => {
    const count = await fuzz('legacy', ['views-legacy.pth', 'dtypes-legacy.pth'].map(fixture), readAll);
    expect(Math.min(count.read, count.refused)).toBeGreaterThan(RUNS / 100);
  });

  it('of safetensors give tensors or an error', async () => {
    const files = [
      encodeSafetensors({
        a: small([1, 2, 3]),
        'b.weight': { dtype: 'F16', shape: [2, 1], data: Uint16Array.of(1, 2) },
      }),
      encodeSafetensors(
        { x: { dtype: 'I64', shape: [], data: BigInt64Array.of(4n) } },
        { format: 'pt', note: 'é' },
      ),
    ];
    const count = await fuzz('safetensors', files, readAll);
    expect(Math.min(count.read, count.refused)).toBeGreaterThan(RUNS / 100);
  });

  it('of indexes and configs beside the weights give a model or an error', async () => {
    const config = new TextEncoder().encode('{"hidden_size":4,"image_size":[8,8],"num_attention_heads":2}');
    const index = new TextEncoder().encode(
      '{"weight_map":{"patch_embed.proj.weight":"a.safetensors","pos_embed":"a.safetensors"}}',
    );
    const shard = encodeSafetensors({
      'patch_embed.proj.weight': { dtype: 'F32', shape: [4, 3, 2, 2], data: new Float32Array(48) },
      pos_embed: { dtype: 'F32', shape: [1, 17, 4], data: new Float32Array(68) },
    });
    const count = await fuzz('folder', [config, index, shard], async (bytes) => {
      const files: Record<string, Uint8Array> = {
        'config.json': bytes[2] === 0x68 ? bytes : config,
        'model.safetensors.index.json': bytes[2] === 0x77 ? bytes : index,
        'a.safetensors': bytes[2] === 0 ? bytes : shard,
      };
      await openModelFolder({
        name: 'folder',
        files: Object.keys(files),
        open: async (file) => bytesSource(files[file]!, file),
      });
      allocated = 0;
    });
    expect(count).toMatchObject({ read: 0, refused: RUNS });
  });
});

describe('files made to exhaust memory', () => {
  const runPickle = (bytes: Uint8Array) => unpickle(bytes, torchHost('bomb'), 'bomb');

  it('a pickle of nothing but lists is refused', () => {
    const lists = new Uint8Array(8_000_000).fill(0x5d);
    expect(() => runPickle(lists)).toThrow('it is made of containers to exhaust memory');
  });

  it('a call that copies what was remembered, again and again, is refused', () => {
    // A list of 20,000 pairs, remembered; then OrderedDict(list) for every five further bytes.
    const list = `](${'K\u0001K\u0001\u0086'.repeat(20_000)}e`;
    const calls = 'h\u0000h\u0001R'.repeat(20_000);
    const pickle = `ccollections\nOrderedDict\nq\u0000${list}\u0085q\u0001${calls}.`;
    const bytes = new Uint8Array(Buffer.from(pickle, 'latin1'));
    expect(() => runPickle(bytes)).toThrow('to exhaust memory');
  });

  it('views that are larger than their file are refused', async () => {
    const bytes = fixture('views.pth');
    const text = Buffer.from(bytes).toString('latin1');
    // expanded: size (2, 3) with stride (0, 0) becomes (255, 255).
    const at = text.indexOf('K\u0002K\u0003\u0086', text.indexOf('expanded'));
    bytes[at + 1] = 255;
    bytes[at + 3] = 255;
    await expect(openWeights(bytesSource(bytes, 'views.pth'))).rejects.toThrow(
      'its tensors share storages, and are more than 4',
    );
  });
});
