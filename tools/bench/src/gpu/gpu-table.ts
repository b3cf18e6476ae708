import { shortLabel } from '../table.js';
import { sum } from '../webgpu.js';
import type { GpuReport } from './bench-gpu.js';

const SHOWN_KERNELS = 15;

/** The report in Markdown. */
export function gpuTable(report: GpuReport): string {
  const { device, details, machine, checks, gemm, peakGflops, peakFrom, work } = report;
  const worst = checks.reduce((a, b) => (a.error > b.error ? a : b));
  const bySize = gemm.map(({ name, size, gflops }) => [name, String(size), gflops.toFixed(1)]);
  return [
    `# MAEhem on ${device}`,
    '',
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.os}`,
    ...Object.entries(details).map(([name, value]) => `- ${name}: ${value}`),
    '',
    `${checks.length} kernels agree with their references, the farthest by ${worst.error.toExponential(1)} (${worst.name}).`,
    '',
    `f32 peak, ${peakFrom}: ${(peakGflops / 1000).toFixed(2)} TFLOP/s`,
    '',
    ...markdown(['product', 'size', 'GFLOP/s'], bySize),
    ...work.flatMap((entry) => workTables(entry, peakGflops)),
  ].join('\n');
}

function workTables({ step, gflop, kernels }: GpuReport['work'][number], peakGflops: number): string[] {
  const { config, batch, rows, failed } = step;
  const cells = rows.map(({ name, medianMs, runsMs, gpu }) => [
    ...[name, ((1000 * batch) / medianMs).toFixed(1), ((1000 * batch) / Math.min(...runsMs)).toFixed(1)],
    ...[medianMs.toFixed(1), (gflop / medianMs).toFixed(2)],
    ...[
      `${((100_000 * gflop) / medianMs / peakGflops).toFixed(1)} %`,
      (rows[0]!.medianMs / medianMs).toFixed(2),
    ],
    gpu === undefined ? '' : (gpu.peakBytes / 2 ** 20).toFixed(0),
  ]);
  const header = [
    '',
    'images/s',
    'best',
    'ms',
    'TFLOP/s',
    'of f32 peak',
    `times ${rows[0]!.name}`,
    'GPU MiB',
  ];
  return [
    '',
    `## Pretraining ${config}, batch ${batch}`,
    '',
    ...markdown(header, cells),
    ...failed.map(({ name, reason }) => `\n${name} failed: ${reason}`),
    ...kernels.flatMap(({ peer, times }) => kernelTables(peer, times)),
  ];
}

function kernelTables(peer: string, times: GpuReport['work'][number]['kernels'][number]['times']): string[] {
  if (times.length === 0) return ['', `${peer}: this GPU tells no times of kernels.`];
  const total = sum(times, 'ms');
  const cells = times
    .slice(0, SHOWN_KERNELS)
    .map(({ name, dispatches, ms, bytes }) => [
      ...[
        `\`${shortLabel(name)}\``,
        String(dispatches),
        ms.toFixed(2),
        `${((100 * ms) / total).toFixed(1)} %`,
      ],
      (bytes / ms / 1e6).toFixed(0),
    ]);
  return [
    '',
    `### Kernels of ${peer}: ${total.toFixed(1)} ms`,
    '',
    ...markdown(['', 'dispatches', 'ms', 'share', 'GB/s'], cells),
  ];
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)];
}
