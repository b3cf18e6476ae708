import type { CompiledPipeline } from './compiler-process.js';
import { compileStep } from './compiler-process.js';
import { buildNullDriver } from './null-driver.js';
import { parseShader, type ShaderReport } from './shader-report.js';
import type { StepWork } from './step-pipelines.js';

export interface ShaderOptions extends StepWork {
  /** By RADV's names. */
  readonly gpus: readonly string[];
  readonly log: (line: string) => void;
  /** What each compiled pipeline is shown to, as WGSL and as instructions. */
  readonly inspect?: (gpu: string, pipeline: CompiledPipeline) => void;
  /** The compiling program, where it is not beside this one. */
  readonly program?: string;
}

/** A kernel of a step, as a GPU's compiler made it. */
export interface ShaderRow extends ShaderReport {
  readonly name: string;
  /** In a step. */
  readonly dispatches: number;
}

/** A step's kernels on one GPU. */
export interface GpuShaders {
  readonly gpu: string;
  /** With the driver's version. */
  readonly adapter: string;
  readonly rows: readonly ShaderRow[];
}

/** The form of `--json`. */
export interface ShadersReport extends StepWork {
  readonly gpus: readonly GpuShaders[];
}

/**
 * Compile every kernel of a training step for GPUs that are not there, by Mesa's compiler for AMD's.
 * @throws where Mesa, a C compiler or Dawn is missing, saying what to install; and where a kernel does not compile
 */
export async function benchShaders(options: ShaderOptions): Promise<ShadersReport> {
  const { config, batch, precision, tensorCores, log, inspect, program } = options;
  const work = { config, batch, precision, tensorCores };
  const driver = buildNullDriver();
  const gpus: GpuShaders[] = [];
  try {
    for (const gpu of options.gpus) {
      const where = { driver, gpu, work, log, ...(program === undefined ? {} : { program }) };
      const { adapter, pipelines } = await compileStep(where);
      for (const pipeline of pipelines) inspect?.(gpu, pipeline);
      const rows = pipelines.map(({ name, dispatches, words }) => ({
        name,
        dispatches,
        ...parseShader(words),
      }));
      gpus.push({ gpu, adapter, rows });
    }
  } finally {
    driver.remove();
  }
  return { ...work, gpus };
}
