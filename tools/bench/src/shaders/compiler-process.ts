import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { NullDriver } from './null-driver.js';
import type { StepPipeline, StepWork } from './step-pipelines.js';

/** One line of the answers of `compile-main.js`. */
export type CompilerLine =
  | { readonly adapter: string; readonly pipelines: readonly StepPipeline[] }
  | { readonly compiled: number }
  | { readonly error: string };

/** A pipeline, and what the driver's compiler printed about it. */
export interface CompiledPipeline extends StepPipeline {
  readonly words: string;
}

export interface CompiledStep {
  /** The name of the adapter. */
  readonly adapter: string;
  readonly pipelines: readonly CompiledPipeline[];
}

const ANSWERS = 3;
const MARK = '=== pipeline ';

/** What stands on stderr before the compiler's words on a pipeline. */
export function mark(index: number): string {
  return `${MARK}${index}`;
}

const PROGRAM = fileURLToPath(new URL('./compile-main.js', import.meta.url));

/** Where and as what a step is compiled. */
export interface CompileOptions {
  readonly driver: NullDriver;
  /** By RADV's name. */
  readonly gpu: string;
  readonly work: StepWork;
  /** Called with a line of progress. */
  readonly log: (line: string) => void;
  /** `compile-main.js`, unless it lies elsewhere. */
  readonly program?: string;
}

/**
 * Compile the pipelines of a step for a GPU that is not there, in a process of its own: drivers are found by the
 * environment, and print where the process prints.
 * @throws when one does not compile, or the driver knows no such GPU
 */
export async function compileStep(options: CompileOptions): Promise<CompiledStep> {
  const { driver, gpu, work, log, program = PROGRAM } = options;
  // A file: where a pipe is full, what a driver prints into it is lost.
  const printed = join(driver.folder, `${gpu}.txt`);
  const child = spawn(process.execPath, [program, JSON.stringify(work)], {
    ...{ env: driver.environment(gpu), stdio: ['ignore', 'ignore', openSync(printed, 'w'), 'pipe'] },
  });
  let step: Extract<CompilerLine, { pipelines: unknown }> | undefined;
  let compiled = 0;
  let failure = 'the compiling process ended early';
  for await (const text of createInterface({ input: child.stdio[ANSWERS] as Readable })) {
    const line = JSON.parse(text) as CompilerLine;
    if ('error' in line) failure = line.error;
    else if ('pipelines' in line) step = line;
    else log(`${gpu} ${++compiled}/${step!.pipelines.length}: ${step!.pipelines[line.compiled]!.name}`);
  }
  const [before = '', ...words] = readFileSync(printed, 'utf8').split(new RegExp(`^${MARK}\\d+$`, 'm'));
  if (step === undefined) throw new Error(`${gpu}: ${failure}. ${lastLine(before)}\n${NO_ADAPTER}`);
  const { adapter, pipelines } = step;
  if (compiled < pipelines.length) throw new Error(`${gpu}: ${failure}, at '${pipelines[compiled]!.name}'`);
  return { adapter, pipelines: pipelines.map((pipeline, index) => ({ ...pipeline, words: words[index]! })) };
}

const NO_ADAPTER =
  'RADV knows GPUs by names such as vega10, navi21, navi31 and gfx1201, from Mesa 24 on; ' +
  'Dawn comes with the package `webgpu`';

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!;
}
