import { type Backend, type OpenOptions, openBackend } from '@maehem/backend';
import type { PretrainSettings } from '@maehem/settings';

/** How to open the engine that settings name. */
export function openOptions({
  precision,
  xla,
  adapter,
}: Pick<PretrainSettings, 'precision' | 'xla' | 'adapter'>): OpenOptions {
  return {
    precision: precision === 'bf16' ? 'bfloat16' : 'float32',
    ...(xla === 'on' ? { xla: true } : {}),
    ...(adapter === undefined ? {} : { adapter }),
  };
}

/** XLA takes seconds to compile a step, and gains milliseconds with each: a run of this many steps is worth it. */
const STEPS_WORTH_COMPILING = 1000;

/** Compile the steps of a long run where TensorFlow runs it, unless the settings decide. */
export async function compileLongRun(
  settings: Parameters<typeof openOptions>[0],
  backend: Backend,
  steps: number,
): Promise<void> {
  if (backend.name !== 'tensorflow' || settings.xla !== 'auto' || steps < STEPS_WORTH_COMPILING) return;
  await openBackend('tensorflow', { ...openOptions(settings), xla: true });
}
