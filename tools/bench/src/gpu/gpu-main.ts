// The program of the bundle that `pnpm bench gpu` makes: `./run.sh [options]` on a machine with a GPU.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CONFIGS, type ConfigName } from '../configs.js';
import { parsePeer } from '../peers.js';
import { benchGpu, type GpuOptions, type GpuReport } from './bench-gpu.js';
import { gpuTable } from './gpu-table.js';

const PEERS = 'maehem:f16,maehem:f16:tensor-cores,torch,torch:bf16,torch-compile:bf16';

const USAGE = `./run.sh [options]
  --work LIST      models and images a step (b16:64,l16:32); nano:4 for a GPU in software
  --vs LIST        whom to compare with (${PEERS});
                   torch-compile too; MAEHEM_PYTHON names a python that has torch
  --runs N         timed steps of each, interleaved (10)
  --peak N         the card's f32 peak in TFLOP/s; measured by the best product otherwise
  --gemm LIST      sizes of those products (2048,4096)
  --minutes N      no part begins after these; parts are in order of importance (9)
  --tune N         seconds for each tuning of the own kernels to the first model, 0 for none (30)
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
      vs: { type: 'string', default: PEERS },
      runs: { type: 'string', default: '10' },
      peak: { type: 'string' },
      gemm: { type: 'string', default: '2048,4096' },
      minutes: { type: 'string', default: '9' },
      tune: { type: 'string', default: '30' },
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
    minutes: positive('--minutes', values.minutes),
    tuneSeconds: values.tune === '0' ? 0 : positive('--tune', values.tune),
    log,
    keep: (report) => writeReport(values.out, report),
  };
  mkdirSync(values.out, { recursive: true });
  const report = await benchGpu(options);
  process.stdout.write(`${gpuTable(report)}\n`);
  // Dawn may still have threads at work.
  process.exit(report.checks.every(({ agrees }) => agrees) ? 0 : 1);
}

function writeReport(folder: string, report: GpuReport): void {
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
  writeFileSync(join(folder, 'report.md'), `${gpuTable(report)}\n`);
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
