// `pnpm bench step --backend wasm --config small --batch 32 --vs naive,jaxjs,torch [--recompute all] [--runs N] [--json]`
// `pnpm bench soak --backend wasm --config small --steps 1000 [--threads N] [--batch N] [--json]`
// `pnpm bench webgpu kernels|step|host [--config b16] [--batch N] [--precision f16] [--recompute all] [--vs LIST] [--json]`
// `pnpm bench webgpu shaders [--gpu navi31,…] [--config …] [--batch N] [--precision f32|f16] [--tensor-cores] [--asm FOLDER] [--json]`
// `pnpm bench gpu [--out FOLDER] [--no-node]`
// `pnpm bench images [--backend …] [--config …] [--batch N] [--runs N] [--json]`
// `pnpm bench gemm [--runs N] [--seed N] [--json]`

import { parseArgs } from 'node:util';
import { PROVIDERS } from '@maehem/backend';
import { CONFIGS, type ConfigName } from './configs.js';
import { benchGemm } from './gemm.js';
import { bundleGpuBench } from './gpu/bundle.js';
import { benchImages } from './images.js';
import { benchPage } from './page.js';
import { benchPageThreads, type PageWork } from './page-threads.js';
import { PRECISIONS, parsePeer, peerNames } from './peers.js';
import { shaderTable } from './shaders/shader-table.js';
import { benchShaders, type ShaderOptions } from './shaders/shaders.js';
import { writeShader } from './shaders/write-shader.js';
import { benchSoak, type SoakOptions } from './soak.js';
import { benchStep, type StepOptions } from './step.js';
import {
  gemmTable,
  gpuStepTable,
  hostTable,
  imagesTable,
  kernelTable,
  pageThreadTable,
  reportTable,
  soakTable,
} from './table.js';
import { benchGpuStep, benchHost, benchKernels, type KernelOptions } from './webgpu.js';

const BACKENDS = PROVIDERS.map(({ name }) => name);

const USAGE = `pnpm bench step [options]
  --backend ${BACKENDS.join('|')}
                           the engine (wasm)
  --precision ${Object.keys(PRECISIONS).join('|')}  of matrix products (f32)
  --config ${Object.keys(CONFIGS).join('|')}  the model (small)
  --batch N                images a step (32)
  --vs LIST                whom to compare with, of ${peerNames().join(', ')} (naive,jaxjs);
                           maehem@2 is the own step in two threads, maehem:f16 in another precision, maehem:recompute
                           with all blocks computed twice (maehem:recompute=2: every second one); torch, your own python3
                           or $MAEHEM_PYTHON with PyTorch, takes all cores, torch@1 one
  --recompute none|all|N   the same as maehem:recompute=N at the head of the list (none)
  --threads N              the same as maehem@N in front of the list
  --runs N                 timed steps of each, after 3 of warm-up (10)
  --seed N                 of weights, images and masks (0)
  --json                   one object on stdout, nothing else
pnpm bench soak [--backend …] [--precision …] [--config …] [--batch N] [--threads N] [--steps N] [--json]
  many steps of the own trainer; exit code 1 when tensors, buffers or resident memory grow
pnpm bench page [--backend wasm|webgpu] [the options of step]
  the same as step with each peer in a page of one headless Chromium, on its GPU in software
pnpm bench page threads [--config small|cifar] [--batch N] [--threads N] [--runs N] [--json]
  training steps on wasm in a page of headless Chromium, in one thread and in N (2)
pnpm bench webgpu kernels [--config …] [--batch N] [--precision f32|f16] [--runs N] [--seed N] [--json]
  the WGSL kernels of encoder and decoder, forward and backward, by the GPU's own clock (nano, batch 4)
pnpm bench webgpu step [--config …] [--batch N] [--precision f32|f16] [--recompute …] [--vs LIST] [--runs N] [--json]
  steps of the peers by the GPU's own clock, and the kernels of ours (nano, batch 4)
pnpm bench webgpu host [the same options]
  the host's time for a step and the GPU's memory, with nothing computed (b16, batch 32)
pnpm bench webgpu shaders [--gpu LIST] [--config …] [--batch N] [--precision f32|f16] [--tensor-cores] [--asm FOLDER] [--json]
  the kernels of a step as Mesa's compiler makes them for AMD GPUs that are not there, by its names (navi31; b16, batch 64);
  --tensor-cores takes those, in f16; --asm writes each kernel's WGSL and instructions to a folder. Linux
pnpm bench gpu [--out FOLDER] [--no-node]
  makes a folder (gpu-bench) to carry to a Linux machine with a GPU: its run.sh checks the kernels there and times
  pretraining steps of ViT-B/16 and ViT-L/16, beside PyTorch where there is one; --no-node for one that has Node
pnpm bench images [--backend …] [--config …] [--batch N] [--runs N] [--seed N] [--json]
  from pictures to patches on the device, as bytes and as numbers; and whole steps, of small models
pnpm bench gemm [--runs N] [--seed N] [--json]
  square matrix products of our wasm kernels against tfjs's own`;

const { values, positionals } = readArguments();
if (values.help) process.stdout.write(`${USAGE}\n`);
else await run().catch(fail);

async function run(): Promise<void> {
  if (positionals[0] === 'webgpu') return webGpu(positionals.slice(1));
  if (positionals.join(' ') === 'page threads') return print(await pageThreads(), pageThreadTable);
  if (positionals.length !== 1) throw new Error(USAGE);
  if (positionals[0] === 'gemm') return print(await benchGemm(commonOptions()), gemmTable);
  if (positionals[0] === 'page') return print(await benchPage(stepOptions()), reportTable);
  if (positionals[0] === 'soak') return soak();
  if (positionals[0] === 'images')
    return print(await benchImages({ ...workOptions(), ...commonOptions() }), imagesTable);
  if (positionals[0] === 'gpu') return gpu();
  if (positionals[0] === 'step') return print(await benchStep(stepOptions()), reportTable);
  throw new Error(USAGE);
}

/** One part of the WebGPU benchmark, or all of them. */
async function webGpu(parts: readonly string[]): Promise<void> {
  const wanted = parts.length === 0 ? ['kernels', 'step', 'host'] : parts;
  for (const part of wanted)
    if (part === 'kernels') print(await benchKernels(kernelOptions()), kernelTable);
    else if (part === 'step') print(await benchGpuStep(gpuStepOptions('nano', 4)), gpuStepTable);
    else if (part === 'host') print(await benchHost(gpuStepOptions('b16', 32)), hostTable);
    else if (part === 'shaders') print(await benchShaders(shaderOptions()), shaderTable);
    else throw new Error(`bench webgpu: '${part}' is not one of kernels, step, host, shaders`);
}

async function gpu(): Promise<void> {
  const { out } = values;
  const bytes = await bundleGpuBench({ folder: out, withNode: !values['no-node'] });
  process.stdout.write(
    `${out}: ${(bytes / 2 ** 20).toFixed(1)} MiB; carry it to the machine and start run.sh\n`,
  );
}

async function soak(): Promise<void> {
  const report = await benchSoak(soakOptions());
  print(report, soakTable);
  if (report.growth.length > 0) process.exitCode = 1;
}

function pageThreads() {
  const { log, runs } = commonOptions();
  const work: PageWork = {
    preset: oneOf('--config', values.config ?? 'small', ['small', 'cifar'] as const),
    ...{ batch: batchSize(32), steps: runs },
  };
  return benchPageThreads(Math.max(2, wholeNumber('--threads', values.threads, 1)), work, log);
}

function print<Report>(report: Report, table: (report: Report) => string): void {
  process.stdout.write(`${values.json ? JSON.stringify(report) : table(report)}\n`);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        backend: { type: 'string', default: 'wasm' },
        precision: { type: 'string', default: 'f32' },
        recompute: { type: 'string', default: 'none' },
        config: { type: 'string' },
        batch: { type: 'string' },
        vs: { type: 'string', default: 'naive,jaxjs' },
        threads: { type: 'string', default: '1' },
        runs: { type: 'string', default: '10' },
        steps: { type: 'string', default: '1000' },
        seed: { type: 'string', default: '0' },
        out: { type: 'string', default: 'gpu-bench' },
        gpu: { type: 'string', default: 'navi31' },
        'tensor-cores': { type: 'boolean', default: false },
        asm: { type: 'string' },
        'no-node': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(error);
  }
}

function stepOptions(): StepOptions {
  return {
    ...workOptions(),
    peers: peers(recomputeOption(), wholeNumber('--threads', values.threads, 1)),
    ...commonOptions(),
  };
}

function soakOptions(): SoakOptions {
  return {
    ...workOptions(),
    threads: wholeNumber('--threads', values.threads, 1),
    steps: wholeNumber('--steps', values.steps, 8),
    ...commonOptions(),
  };
}

function workOptions() {
  return {
    engine: {
      backend: oneOf('--backend', values.backend, BACKENDS),
      precision: PRECISIONS[precisionName()]!,
    },
    config: configName('small'),
    batch: batchSize(32),
  };
}

function kernelOptions(): KernelOptions {
  return {
    config: configName('nano'),
    batch: batchSize(4),
    precision: PRECISIONS[precisionName()]!,
    ...commonOptions(),
  };
}

function gpuStepOptions(config: ConfigName, batch: number): Omit<StepOptions, 'engine'> {
  return {
    config: configName(config),
    batch: batchSize(batch),
    // The peers have float32 alone.
    peers: peers((precisionName() === 'f32' ? '' : `:${precisionName()}`) + recomputeOption(), 1),
    ...commonOptions(),
  };
}

function precisionName(): string {
  return oneOf('--precision', values.precision, Object.keys(PRECISIONS));
}

/** As a part of the own peer's name. */
function recomputeOption(): string {
  if (values.recompute === 'none') return '';
  if (values.recompute === 'all') return ':recompute';
  return `:recompute=${wholeNumber('--recompute', values.recompute, 1)}`;
}

function shaderOptions(): ShaderOptions {
  const { asm, gpu } = values;
  const tensorCores = values['tensor-cores'];
  const precision = oneOf('--precision', tensorCores ? 'f16' : values.precision, ['f32', 'f16'] as const);
  return {
    ...{ config: configName('b16'), batch: batchSize(64), tensorCores },
    ...{ precision: precision === 'f16' ? 'float16' : 'float32', log: commonOptions().log },
    gpus: gpu.split(',').filter((name) => name !== ''),
    ...(asm === undefined ? {} : { inspect: writeShader(asm) }),
  };
}

function configName(fallback: ConfigName): ConfigName {
  return oneOf('--config', values.config ?? fallback, Object.keys(CONFIGS) as ConfigName[]);
}

function batchSize(fallback: number): number {
  return wholeNumber('--batch', values.batch ?? String(fallback), 1);
}

function commonOptions() {
  return {
    runs: wholeNumber('--runs', values.runs, 1),
    seed: wholeNumber('--seed', values.seed, 0),
    log: (line: string) => void process.stderr.write(`${line}\n`),
  };
}

/** The own peer, in one thread and in as many as are asked for, and those named after `--vs`. */
function peers(options: string, threads: number): string[] {
  const own = [`maehem${options}`, ...(threads > 1 ? [`maehem${options}@${threads}`] : [])];
  const wanted = values.vs.split(',').filter((name) => name !== '');
  for (const name of wanted) parsePeer(name);
  return [...new Set([...own, ...wanted])];
}

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`${flag}: '${value}' is not one of ${known.join(', ')}`);
  return found;
}

function wholeNumber(flag: string, value: string, minimum: number): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isSafeInteger(number) || number < minimum)
    throw new Error(`${flag} must be a whole number of at least ${minimum}, got '${value}'`);
  return number;
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
