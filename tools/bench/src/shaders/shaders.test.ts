import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { shaderTable } from './shader-table.js';
import { benchShaders, type ShadersReport } from './shaders.js';

/** The compiling program as JavaScript, where it finds Dawn. */
const folder = fileURLToPath(new URL('../../dist/shaders-test', import.meta.url));
const program = join(folder, 'compile-main.js');

async function compile(work: Partial<ShadersReport>): Promise<ShadersReport> {
  const tiny = { config: 'nano', batch: 2, precision: 'float32', tensorCores: false } as const;
  return benchShaders({ ...tiny, ...work, gpus: ['navi31'], log: () => {}, program });
}

/** All in float32, or why it cannot be had: no Linux, no Mesa of 24 or newer, no C compiler. */
async function open(): Promise<ShadersReport | string> {
  await build({
    entryPoints: [fileURLToPath(new URL('./compile-main.ts', import.meta.url))],
    ...{ outfile: program, bundle: true, format: 'esm', platform: 'node', target: 'node20' },
    ...{ conditions: ['@maehem/source'], mainFields: ['module', 'main'], external: ['webgpu'] },
    // What CommonJS modules in it ask for.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return compile({}).catch(({ message }: Error) => {
    if (/not installed|no C compiler|no adapter|on Linux only/.test(message)) return message;
    throw new Error(message);
  });
}

const float32 = await open();
const promised = (process.env['MAEHEM_PROMISED_BACKENDS'] ?? '').split(',').includes('radv');

describe('kernels of a step, compiled for an AMD RX 7900', { timeout: 120_000 }, () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  if (typeof float32 === 'string') {
    it('opens', (context) => {
      if (promised) throw new Error(`promised here, but ${float32}`);
      context.skip(float32);
    });
    return;
  }

  it('keep everything in registers, in float32', () => {
    expectFast(float32);
    const [navi31] = float32.gpus;
    expect(navi31!.adapter).toContain('Mesa');
    const dispatches = navi31!.rows.reduce((total, row) => total + row.dispatches, 0);
    expect(dispatches).toBeGreaterThan(100);
    expect(shaderTable(float32)).toMatch(/^adamw vec4 +\d+ +64 /m);
  });

  it('keep everything in registers, in float16', async () => {
    expectFast(await compile({ precision: 'float16' }));
  });

  it('keep everything in registers on tensor cores, and use them', async () => {
    const report = await compile({ precision: 'float16', tensorCores: true });
    expectFast(report);
    expect(report.gpus[0]!.rows.filter(({ whole }) => whole.matrix > 0)).not.toHaveLength(0);
  });

  it('are not compiled for what no one has heard of', async () => {
    const unheard = benchShaders({
      ...{ config: 'nano', batch: 2, precision: 'float32', tensorCores: false },
      ...{ gpus: ['navi99'], log: () => {}, program },
    });
    await expect(unheard).rejects.toThrow(/^navi99: .*Unknown family.*\nRADV knows GPUs by names such as/);
  });
});

function expectFast({ gpus }: ShadersReport): void {
  const { rows } = gpus[0]!;
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter(({ spilled, scratchBytes }) => spilled > 0 || scratchBytes > 0)).toEqual([]);
}
