import type { OpenOptions } from '@maehem/backend';
import type { PretrainSettings } from '@maehem/settings';

/** How to open the engine that settings name. */
export function openOptions({
  precision,
  xla,
  adapter,
}: Pick<PretrainSettings, 'precision' | 'xla' | 'adapter'>): OpenOptions {
  return {
    precision: precision === 'bf16' ? 'bfloat16' : 'float32',
    ...(xla === undefined ? {} : { xla }),
    ...(adapter === undefined ? {} : { adapter }),
  };
}
