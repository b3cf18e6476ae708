import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { threadsUnavailable } from '@maehem/train/node';
import type { Examination } from './examination.js';
import { TRAINING_PRESET } from './speed.js';

/** What `maehem doctor --json` prints. */
export interface Report {
  readonly machine: {
    readonly node: string;
    readonly os: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  /** `--threads` goes up to `most`; 1 for the reason given. */
  readonly threads: { readonly most: number; readonly unavailable?: string };
  readonly backends: readonly Examination[];
}

export function report(backends: readonly Examination[]): Report {
  const unavailable = threadsUnavailable();
  const cores = availableParallelism();
  return {
    machine: {
      ...{ node: process.versions.node, os: `${type()} ${release()} ${process.arch}` },
      ...{ cpu: cpus()[0]?.model.trim() ?? 'unknown', cores, memoryBytes: totalmem() },
    },
    threads: unavailable === undefined ? { most: cores } : { most: 1, unavailable },
    backends,
  };
}

/** 0 when an engine is right and none is wrong. */
export function exitCode(backends: readonly Examination[]): number {
  const has = (state: Examination['state']): boolean => backends.some((engine) => engine.state === state);
  return has('right') && !has('wrong') ? 0 : 1;
}

/** The report for people. */
export function reportText({ machine, threads, backends }: Report): string {
  const { node, os, cpu, cores, memoryBytes } = machine;
  const opened = backends.filter(({ capabilities }) => capabilities !== undefined);
  return [
    `Node ${node}, ${os}, ${cpu}, ${cores} cores, ${gigabytes(memoryBytes)}`,
    threads.unavailable === undefined
      ? `wasm and cpu train in up to ${threads.most} threads (--threads)`
      : `one thread: ${threads.unavailable}`,
    '',
    ...alignColumns([
      ['backend', 'results', 'GFLOP/s', 'GB/s', 'images/s', 'memory', 'device'],
      ...opened.map(row),
    ]),
    '',
    ...backends.flatMap(remarks),
    ...(opened.some(({ training }) => training !== undefined)
      ? [`images/s: whole training steps of the preset ${TRAINING_PRESET}, batch 32, or 4 on slow backends`]
      : []),
  ].join('\n');
}

function row({
  backend,
  state,
  products,
  bandwidth,
  training,
  memory,
  description = '',
}: Examination): string[] {
  return [
    ...[backend, state, products?.gflops.toFixed(1) ?? '-', bandwidth?.gigabytesPerSecond.toFixed(1) ?? '-'],
    ...[training?.imagesPerSecond.toFixed(0) ?? '-', gigabytes(memory?.residentBytes), description],
  ];
}

function remarks({ backend, state, unavailable, failure, verdict, details = {} }: Examination): string[] {
  const lines: string[] = [];
  if (unavailable !== undefined) lines.push(`does not open: ${unavailable}`);
  if (state === 'wrong')
    lines.push(
      `computes wrong results: ${verdict!.figure} is off by ${verdict!.error.toExponential(1)}; choose another backend, and please report it`,
    );
  if (failure !== undefined) lines.push(`failed ${failure}`);
  if (state === 'right') lines.push(`largest error ${verdict!.error.toExponential(1)} (${verdict!.figure})`);
  lines.push(...Object.entries(details).map(([name, value]) => `${name}: ${value}`));
  return lines.map((line) => `${backend}: ${line}`);
}

function gigabytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
