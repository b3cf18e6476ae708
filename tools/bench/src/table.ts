import type { StepReport } from './step.js';

/** A report for people. Ratios are against the first row: above 1, that row is faster. */
export function reportTable({ backend, config, batch, machine, rows, failed }: StepReport): string {
  const base = rows[0]!;
  const cells = rows.map(({ name, medianMs, runsMs, peakBytes, losses }) => [
    ...[
      name,
      medianMs.toFixed(1),
      Math.min(...runsMs).toFixed(1),
      `${(medianMs / base.medianMs).toFixed(2)}x`,
    ],
    ...[(peakBytes / 2 ** 20).toFixed(0), losses.map((loss) => loss.toFixed(5)).join(' ')],
  ]);
  const header = ['', 'median ms', 'best ms', `vs ${base.name}`, 'peak MiB', 'first losses'];
  const memory = (machine.memoryBytes / 2 ** 30).toFixed(0);
  return [
    `Pretraining step, ${config}, batch ${batch}, ${backend}, ${base.runsMs.length} interleaved runs`,
    `${machine.cpu}, ${machine.cores} cores, ${memory} GiB, Node ${machine.node}, ${machine.os}`,
    ...alignColumns([header, ...cells]),
    ...failed.map(({ name, reason }) => `${name} failed: ${reason}`),
  ].join('\n');
}

function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
}
