import { alignColumns, shortLabel } from '../table.js';
import type { InstructionCounts } from './shader-report.js';
import type { GpuShaders, ShaderRow, ShadersReport } from './shaders.js';

const HEADER = [
  ...['', 'dispatches', 'wave', 'registers', 'spilled', 'scratch', 'workgroup', 'waves', 'instructions'],
  ...['multiply-adds', 'workgroup:waits', 'loads:waits', 'latency', '1/throughput'],
];

const LEGEND = `\
wave: invocations. registers, spilled: vector registers of an invocation. scratch, workgroup: bytes. waves: of 32 invocations, at
a time on a SIMD unit that has room for 32 (GCN: of 64, 10). Of the hottest loop, or of all where there is none:
multiply-adds among the vector instructions; reads and writes of workgroup memory, and waits. Of that loop and those
around it: loads from memory, and waits. latency, 1/throughput: cycles by RADV's estimate, with 8 turns for every loop.`;

/** The kernels of a step, GPU by GPU. */
export function shaderTable({ config, batch, precision, tensorCores, gpus }: ShadersReport): string {
  const cores = tensorCores ? ', tensor cores' : '';
  return [
    `Kernels of a pretraining step, ${config}, batch ${batch}, ${precision}${cores}, compiled and not run`,
    ...gpus.flatMap(gpuLines),
    '',
    LEGEND,
  ].join('\n');
}

function gpuLines({ gpu, adapter, rows }: GpuShaders): string[] {
  return ['', `${gpu}: ${adapter}`, ...alignColumns([HEADER, ...rows.map(cells)])];
}

function cells(row: ShaderRow): string[] {
  const { name, dispatches, waveSize, registers, spilled, scratchBytes, workgroupBytes, waves } = row;
  const { instructions, hottest, nest, latency, inverseThroughput } = row;
  return [
    shortLabel(name),
    ...[dispatches, waveSize, registers, spilled, scratchBytes, workgroupBytes, waves, instructions].map(
      String,
    ),
    ...[multiplyAdds(hottest), pair(hottest.workgroup, hottest.workgroupWaits)],
    ...[pair(nest.loads, nest.loadWaits), String(latency), String(inverseThroughput)],
  ];
}

function multiplyAdds({ multiplyAdds: single, matrix, vector }: InstructionCounts): string {
  if (matrix > 0) return `${matrix} matrix of ${vector + matrix}`;
  return single === 0 ? '' : `${((100 * single) / vector).toFixed(0)} % of ${vector}`;
}

function pair(instructions: number, waits: number): string {
  return instructions === 0 ? '' : `${instructions}:${waits}`;
}
