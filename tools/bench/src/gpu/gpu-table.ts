import { shortLabel } from '../table.js';
import { sum } from '../webgpu.js';
import { type GpuReport, wayName } from './bench-gpu.js';

const SHOWN_KERNELS = 15;

/** The report in Markdown. */
export function gpuTable(report: GpuReport): string {
  const { device, details, machine, gemm, peakGflops, peakFrom, failed } = report;
  const bySize = gemm.map(({ name, size, gflops }) => [name, String(size), gflops.toFixed(1)]);
  return [
    `# MAEhem on ${device}`,
    '',
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.os}`,
    '',
    ...Object.entries(details).map(([name, value]) => `- ${name}: ${value}`),
    ...checkTables(report.checks),
    '',
    `f32 peak, ${peakFrom}: ${(peakGflops / 1000).toFixed(2)} TFLOP/s`,
    '',
    ...(gemm.length === 0 ? [] : markdown(['product', 'size', 'GFLOP/s'], bySize)),
    ...report.steps.flatMap((part) => stepTables(part, peakGflops)),
    ...report.kernels.flatMap((part) => shapeTables(part, peakGflops)),
    ...report.tunings.flatMap(tuningTables),
    ...report.traces.flatMap(traceTables),
    ...failed.map(({ part, reason }) => `\n**${part}**: ${reason}`),
  ].join('\n');
}

function checkTables(checks: GpuReport['checks']): string[] {
  if (checks.length === 0) return [];
  const wrong = checks.filter(({ agrees }) => !agrees);
  const worst = checks.reduce((a, b) => ((a.error ?? 0) > (b.error ?? 0) ? a : b));
  return [
    '',
    `${checks.length - wrong.length} of ${checks.length} kernels agree with their references; the farthest is off by ${worst.error?.toExponential(1)} (${worst.name}).`,
    ...wrong.map(({ name, error, failure }) => `\n**Wrong: ${name}**: ${failure ?? `off by ${error}`}`),
  ];
}

function stepTables({ step, gflop }: GpuReport['steps'][number], peakGflops: number): string[] {
  const { config, batch, rows, failed } = step;
  const cells = rows.map(({ name, medianMs, runsMs, medianCpuMs, gpu }) => [
    ...[name, ((1000 * batch) / medianMs).toFixed(1), ((1000 * batch) / Math.min(...runsMs)).toFixed(1)],
    ...[medianMs.toFixed(1), (gflop / medianMs).toFixed(2)],
    ...[percent((1000 * gflop) / medianMs / peakGflops), (rows[0]!.medianMs / medianMs).toFixed(2)],
    gpu === undefined ? '' : (gpu.peakBytes / 2 ** 20).toFixed(0),
    ...[medianCpuMs?.toFixed(1) ?? '', gpu === undefined ? '' : String(gpu.dispatches)],
  ]);
  const base = `times ${rows[0]!.name}`;
  const header = [
    '',
    'images/s',
    'best',
    'ms',
    'TFLOP/s',
    'of f32 peak',
    base,
    'GPU MiB',
    'CPU ms',
    'dispatches',
  ];
  return [
    '',
    `## Pretraining ${config}, batch ${batch}`,
    '',
    ...markdown(header, cells),
    ...failed.map(({ name, reason }) => `\n${name} failed: ${reason}`),
  ];
}

function shapeTables(part: GpuReport['kernels'][number], peakGflops: number): string[] {
  const cells = part.rows.map(({ name, medianMs, gflops, gigabytesPerSecond, dispatches }) => [
    ...[name, medianMs.toFixed(3), gflops === undefined ? '' : (gflops / 1000).toFixed(2)],
    ...[gflops === undefined ? '' : percent(gflops / peakGflops), gigabytesPerSecond?.toFixed(0) ?? ''],
    String(dispatches),
  ]);
  return [
    '',
    `## Kernels of ${part.config}, batch ${part.batch}, ${wayName(part)}`,
    '',
    "Forward and backward, by the GPU's clock.",
    '',
    ...markdown(['', 'ms', 'TFLOP/s', 'of f32 peak', 'GB/s', 'dispatches'], cells),
  ];
}

function tuningTables(part: GpuReport['tunings'][number]): string[] {
  const { kernels, missing, step } = part;
  const cells = kernels.map(({ name, share, usualMs, ms, choice, wrong }) => [
    ...[name, percent(share), usualMs.toFixed(3), ms.toFixed(3), choice, String(wrong)],
  ]);
  const gain = step && `, a step ${step.usualMs.toFixed(1)} ms as usual and ${step.ms.toFixed(1)} ms tuned`;
  return [
    '',
    `## Tuning for ${part.config}, batch ${part.batch}, ${wayName(part)}`,
    '',
    `${kernels.length} kernels measured, ${missing} not for lack of time${gain ?? ''}.`,
    '',
    ...markdown(['', 'share', 'usual ms', 'ms', 'choice', 'wrong'], cells),
  ];
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

function traceTables({ config, batch, peer, times }: GpuReport['traces'][number]): string[] {
  if (times.length === 0) return ['', `${peer}: this GPU tells no times of dispatches.`];
  const total = sum(times, 'ms');
  const cells = times
    .slice(0, SHOWN_KERNELS)
    .map(({ name, dispatches, ms, bytes }) => [
      ...[`\`${shortLabel(name)}\``, String(dispatches), ms.toFixed(2), percent(ms / total)],
      (bytes / ms / 1e6).toFixed(0),
    ]);
  return [
    '',
    `## Dispatches of ${peer}, ${config}, batch ${batch}: ${total.toFixed(1)} ms`,
    '',
    ...markdown(['', 'dispatches', 'ms', 'share', 'GB/s'], cells),
  ];
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)];
}
