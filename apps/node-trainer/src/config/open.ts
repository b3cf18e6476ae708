import { type Backend, type OpenOptions, openBackend, type Precision } from '@maehem/backend';
import type { PretrainSettings } from '@maehem/settings';

const PRECISIONS: Readonly<Record<PretrainSettings['precision'], Precision>> = {
  f32: 'float32',
  bf16: 'bfloat16',
  f16: 'float16',
};

/** How to open the engine that settings name. */
export function openOptions({
  precision,
  xla,
  adapter,
}: Pick<PretrainSettings, 'precision' | 'xla' | 'adapter'>): OpenOptions {
  return {
    precision: PRECISIONS[precision],
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
