import type { GemmReport } from './gemm.js';
import type { GpuUse } from './gpu-meter.js';
import type { ImagesReport, ImagesTimes } from './images.js';
import type { Machine } from './machine.js';
import { type PageThreadReport, variantName } from './page-threads.js';
import type { SoakReport } from './soak.js';
import type { StepReport } from './step.js';
import { type GpuStepReport, type HostReport, type KernelReport, sum } from './webgpu.js';

/** A report for people. Ratios are against the first row: above 1, that row is faster. */
export function reportTable(report: StepReport): string {
  const { machine, rows } = report;
  const base = rows[0]!;
  const onGpu = rows.some(({ gpu }) => gpu !== undefined);
  const hasHeap = !onGpu && rows.some(({ heapBytes }) => heapBytes !== undefined);
  const cells = rows.map(({ name, medianMs, runsMs, peakBytes, heapBytes, losses, gpu }) => [
    ...[
      name,
      medianMs.toFixed(1),
      Math.min(...runsMs).toFixed(1),
      `${(medianMs / base.medianMs).toFixed(2)}x`,
    ],
    peakBytes === 0 ? '' : mebibytes(peakBytes),
    ...(hasHeap ? [heapBytes === undefined ? '' : mebibytes(heapBytes)] : []),
    ...(onGpu ? gpuCells(gpu) : []),
    losses.map((loss) => loss.toFixed(5)).join(' '),
  ]);
  const header = [
    ...['', 'median ms', 'best ms', `vs ${base.name}`, 'peak MiB'],
    ...(hasHeap ? ['engine MiB'] : []),
    ...(onGpu ? ['dispatches', 'submits', 'new buffers', 'GPU peak MiB'] : []),
    'first losses',
  ];
  return [
    stepTitle(report),
    machineLine(machine),
    ...alignColumns([header, ...cells]),
    ...failures(report),
  ].join('\n');
}

function stepTitle({ backend, precision, config, batch, rows }: StepReport): string {
  return `Pretraining step, ${config}, batch ${batch}, ${backend}, ${precision}, ${rows[0]!.runsMs.length} interleaved runs`;
}

function failures({ failed }: StepReport): string[] {
  return failed.map(({ name, reason }) => `${name} failed: ${reason}`);
}

function gpuCells(gpu: GpuUse | undefined): string[] {
  if (gpu === undefined) return ['', '', '', ''];
  const { dispatches, submits, buffers, peakBytes } = gpu;
  return [String(dispatches), String(submits), String(buffers), (peakBytes / 2 ** 20).toFixed(1)];
}

/** Kernels, forward and backward. */
export function kernelTable({
  device,
  timestamps,
  config,
  batch,
  machine,
  runs,
  rows,
}: KernelReport): string {
  const cells = rows.map(({ name, medianMs, bestMs, gflops, gigabytesPerSecond, dispatches }) => [
    ...[name, medianMs.toFixed(3), bestMs.toFixed(3), gflops?.toFixed(2) ?? ''],
    ...[gigabytesPerSecond?.toFixed(2) ?? '', dispatches.toFixed(0)],
  ]);
  const clock = timestamps ? "the GPU's clock" : "the host's clock, for the GPU tells no times";
  return [
    `WebGPU kernels forward and backward, ${config}, batch ${batch}, ${device}, ${runs} interleaved runs, by ${clock}`,
    machineLine(machine),
    ...alignColumns([['', 'median ms', 'best ms', 'GFLOP/s', 'GB/s', 'dispatches'], ...cells]),
  ].join('\n');
}

/** How many kernels of the own step are shown. */
const SHOWN_KERNELS = 20;

/** Steps on the GPU, and the kernels of the first peer's. */
export function gpuStepTable({ gflop, ...report }: GpuStepReport): string {
  const cells = report.rows.map(({ name, medianMs, medianGpuMs, gpu }) => [
    ...[name, medianMs.toFixed(1), medianGpuMs?.toFixed(1) ?? ''],
    ...[medianGpuMs === undefined ? '' : ((1000 * gflop) / medianGpuMs).toFixed(2)],
    ...[medianGpuMs === undefined ? '' : (sum(gpu?.kernels ?? [], 'bytes') / medianGpuMs / 1e6).toFixed(2)],
    ...gpuCells(gpu),
  ]);
  const header = ['', 'median ms', 'GPU ms', 'GFLOP/s', 'GB/s', 'dispatches', 'submits', 'new buffers'];
  const kernels = report.rows[0]!.gpu?.kernels ?? [];
  const total = sum(kernels, 'ms');
  const kernelCells = kernels
    .slice(0, SHOWN_KERNELS)
    .map(({ name, dispatches, ms, bytes }) => [
      ...[shortLabel(name), String(dispatches), ms.toFixed(2), `${((100 * ms) / total).toFixed(1)} %`],
      (bytes / ms / 1e6).toFixed(2),
    ]);
  return [
    stepTitle(report),
    machineLine(report.machine),
    ...alignColumns([[...header, 'GPU peak MiB'], ...cells]),
    ...failures(report),
    ...(kernels.length === 0 ? [] : ['', `Kernels of ${report.rows[0]!.name}, last step`]),
    ...(kernels.length === 0
      ? []
      : alignColumns([['', 'dispatches', 'GPU ms', 'share', 'GB/s'], ...kernelCells])),
  ].join('\n');
}

/** Labels that spell out every choice of a kernel: only what is chosen. */
export function shortLabel(label: string): string {
  return label
    .replaceAll(/"\w+":false,?/g, '')
    .replaceAll(/"(\w+)":true/g, '$1')
    .replaceAll(/"precision":"f32",?/g, '')
    .replaceAll('"', '')
    .replaceAll(/,(?=})/g, '')
    .replaceAll(/,?\w+:{}/g, '');
}

/** What steps cost the host. Times of the CPU do not depend on the neighbours as much as those of the clock. */
export function hostTable({ stub, encoded }: HostReport): string {
  const part = (title: string, report: StepReport): string[] => {
    const cells = report.rows.map(({ name, medianMs, runsMs, medianCpuMs, gpu }) => [
      ...[name, medianMs.toFixed(1), Math.min(...runsMs).toFixed(1), medianCpuMs?.toFixed(1) ?? ''],
      ...gpuCells(gpu),
    ]);
    const header = ['', 'median ms', 'best ms', 'CPU ms', 'dispatches', 'submits', 'new buffers'];
    return [
      `${title}: ${stepTitle(report)}`,
      ...alignColumns([[...header, 'GPU peak MiB'], ...cells]),
      ...failures(report),
    ];
  };
  return [
    machineLine(stub.machine),
    ...part('JavaScript alone, nothing computed', stub),
    ...part('With encoding by Dawn, nothing computed', encoded),
  ].join('\n');
}

/** Products by size; ratios are against tfjs's A B of the same size: above 1, ours is faster. */
export function gemmTable({ backend, machine, runs, rows }: GemmReport): string {
  const cells = rows.map(({ name, size, medianMs, gflops, bestGflops }) => {
    const base = rows.find((row) => row.size === size)!;
    return [
      ...[name, String(size), medianMs.toFixed(2), gflops.toFixed(1), bestGflops.toFixed(1)],
      ...[`${(gflops / base.gflops).toFixed(2)}x`, `${(bestGflops / base.bestGflops).toFixed(2)}x`],
    ];
  });
  const header = ['', 'size', 'median ms', 'GFLOP/s', 'best GFLOP/s', 'vs tfjs', 'best vs best'];
  return [
    `Square products, ${backend}, one thread, ${runs} interleaved runs`,
    machineLine(machine),
    ...alignColumns([header, ...cells]),
  ].join('\n');
}

/** Steps in a page; ratios are against the first row. */
export function pageThreadTable({ preset, batch, machine, rows }: PageThreadReport): string {
  const cells = rows.map((row) => [
    ...[variantName(row), row.medianMs.toFixed(1), row.bestMs.toFixed(1)],
    ...[`${(row.medianMs / rows[0]!.medianMs).toFixed(2)}x`, `${(row.bestMs / rows[0]!.bestMs).toFixed(2)}x`],
  ]);
  return [
    `Training steps on wasm in a page, ${preset}, batch ${batch}`,
    machineLine(machine),
    ...alignColumns([['', 'median ms', 'best ms', 'median', 'best'], ...cells]),
  ].join('\n');
}

/** What images cost, by what they are. */
export function imagesTable({ backend, config, batch, machine, costs }: ImagesReport): string {
  const both = (times: ImagesTimes | undefined): string[] =>
    times === undefined ? ['-', '-'] : [times.best.toFixed(2), times.median.toFixed(2)];
  return [
    `images of ${config}, batch ${batch}, ${backend}; processor time, best and median`,
    machineLine(machine),
    ...alignColumns([
      ['images', 'uploaded KiB', 'to patches ms', 'median', 'step ms', 'median'],
      ...costs.map(({ kind, uploadedBytes, data, step }) => [
        ...[kind, (uploadedBytes / 1024).toFixed(1), ...both(data), ...both(step)],
      ]),
    ]),
  ].join('\n');
}

/** What is held, sample by sample, and the verdict. */
export function soakTable({
  backend,
  precision,
  config,
  batch,
  threads,
  machine,
  samples,
  growth,
}: SoakReport): string {
  const cells = samples.map(({ step, loss, ms, tensors, buffers, residentBytes, heapBytes }) => [
    ...[String(step), loss.toFixed(4), ms.toFixed(1), String(tensors), String(buffers)],
    ...[mebibytes(residentBytes), mebibytes(heapBytes)],
  ]);
  return [
    `${samples.at(-1)!.step} steps, ${config}, batch ${batch}, ${backend}, ${precision}, ${threads} thread(s)`,
    machineLine(machine),
    ...alignColumns([
      ['step', 'loss', 'ms', 'tensors', 'buffers', 'resident MiB', 'JavaScript MiB'],
      ...cells,
    ]),
    growth.length === 0 ? 'flat after the first quarter' : `GROWS: ${growth.join('; ')}`,
  ].join('\n');
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function machineLine({ cpu, cores, memoryBytes, node, os }: Machine): string {
  return `${cpu}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB, Node ${node}, ${os}`;
}

/** The first column to the left, the others to the right. */
export function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
}
