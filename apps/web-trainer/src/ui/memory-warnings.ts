import { type PretrainSettings, pretrainConfig, recomputeEvery } from '@maehem/settings';
import { megabytes } from '../keep/private-files.js';
import type { EngineOffer } from '../trainer/protocol.js';
import { type Estimate, type Execution, estimate } from './estimate.js';

/** WebAssembly addresses memory with 32 bits, and tfjs builds its module for half of that. */
const WASM_BYTES = 2 ** 31;
/** WebGPU does not tell how much memory a GPU has. Integrated ones, and browsers, are safe up to about so much. */
const SAFE_GPU_BYTES = 2e9;

/** How an engine would go about a run. */
export function executionOn(
  engine: EngineOffer | undefined,
  { threads, recompute }: PretrainSettings,
): Execution {
  const onGpu = engine?.name === 'webgpu';
  return {
    ...{ threads: onGpu ? 1 : threads, keepsAttention: !onGpu },
    recompute: recomputeEvery(recompute),
  };
}

/** Why a run may not fit an engine, with both numbers and what would fit; empty where nothing is known against it. */
export function memoryWarnings(
  settings: PretrainSettings,
  engine: EngineOffer | undefined,
): readonly string[] {
  const config = pretrainConfig(settings);
  const execution = executionOn(engine, settings);
  const cost = estimate(config, execution);
  return boundsOf(engine)
    .filter(({ of, most }) => of(cost) > most)
    .map(({ of, most, words }) => {
      const fits = (batch: number): boolean => of(estimate({ ...config, batch }, execution)) <= most;
      return `${words(megabytes(of(cost)))} ${advice(config.batch, execution.threads, fits)}`;
    });
}

/** Something that an engine cannot hold more of, in bytes. */
interface Bound {
  readonly of: (cost: Estimate) => number;
  readonly most: number;
  readonly words: (found: string) => string;
}

function boundsOf(engine: EngineOffer | undefined): readonly Bound[] {
  if (engine?.limits === undefined)
    return [
      {
        of: ({ engineBytes }) => engineBytes,
        most: WASM_BYTES,
        words: (found) => `About ${found} on one engine; WebAssembly holds ${megabytes(WASM_BYTES)}.`,
      },
    ];
  const { maxBufferSize, maxStorageBufferBindingSize } = engine.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return [
    {
      of: ({ largestTensorBytes }) => largestTensorBytes,
      most,
      words: (found) =>
        `Its largest tensor has ${found}; this adapter takes ${megabytes(most)} at once (maxStorageBufferBindingSize ${megabytes(maxStorageBufferBindingSize)}, maxBufferSize ${megabytes(maxBufferSize)}).`,
    },
    {
      of: ({ memoryBytes }) => memoryBytes,
      most: SAFE_GPU_BYTES,
      words: (found) =>
        `About ${found} in all. WebGPU does not tell how much this GPU has; above ${megabytes(SAFE_GPU_BYTES)} integrated ones may refuse.`,
    },
  ];
}

/** The largest batch that fits, in parts for as many threads. */
function advice(batch: number, threads: number, fits: (batch: number) => boolean): string {
  let [fitting, tooMany] = [0, Math.ceil(batch / threads)];
  while (tooMany - fitting > 1) {
    const middle = Math.floor((fitting + tooMany) / 2);
    if (fits(middle * threads)) fitting = middle;
    else tooMany = middle;
  }
  return fitting === 0
    ? 'Choose a smaller model, smaller images or larger patches.'
    : `A batch of ${fitting * threads} would fit (“Batches a step” makes up for it), or compute blocks twice.`;
}
