// The program of the bundle that `pnpm bench gpu` makes: `./run.sh [options]` on a machine with a GPU.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CONFIGS, type ConfigName } from '../configs.js';
import { parsePeer } from '../peers.js';
import { benchGpu, type GpuOptions } from './bench-gpu.js';
import { gpuTable } from './gpu-table.js';

const USAGE = `./run.sh [options]
  --work LIST      models and images a step (b16:64,l16:32); nano:4 for a GPU in software
  --vs LIST        whom to compare with (maehem:f16,torch,torch-compile,torch:bf16,torch-compile:bf16);
                   MAEHEM_PYTHON names a python that has torch
  --runs N         timed steps of each, interleaved (10)
  --peak N         the card's f32 peak in TFLOP/s; measured by the best product otherwise
  --gemm LIST      sizes of those products (2048,4096)
  --out FOLDER     where the report goes, as report.md and report.json (.)`;

const log = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  await main();
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      work: { type: 'string', default: 'b16:64,l16:32' },
      vs: { type: 'string', default: 'maehem:f16,torch,torch-compile,torch:bf16,torch-compile:bf16' },
      runs: { type: 'string', default: '10' },
      peak: { type: 'string' },
      gemm: { type: 'string', default: '2048,4096' },
      out: { type: 'string', default: '.' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(`${USAGE}\n`);
  const others = list(values.vs);
  for (const name of others) parsePeer(name);
  const options: GpuOptions = {
    work: list(values.work).map(parseWork),
    peers: ['maehem', ...others],
    runs: positive('--runs', values.runs),
    gemmSizes: list(values.gemm).map((size) => positive('--gemm', size)),
    ...(values.peak === undefined ? {} : { peakGflops: 1000 * Number(values.peak) }),
    log,
  };
  const report = await benchGpu(options);
  const table = gpuTable(report);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'report.json'), JSON.stringify(report));
  writeFileSync(join(values.out, 'report.md'), `${table}\n`);
  process.stdout.write(`${table}\n`);
  // Dawn may still have threads at work.
  process.exit();
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function parseWork(text: string): GpuOptions['work'][number] {
  const [config = '', batch = ''] = text.split(':');
  if (!Object.hasOwn(CONFIGS, config))
    throw new Error(`--work: '${config}' is not one of ${Object.keys(CONFIGS).join(', ')}`);
  return { config: config as ConfigName, batch: positive('--work', batch) };
}

function positive(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`${flag}: a whole number of at least 1 is needed, got '${text}'`);
  return number;
}
