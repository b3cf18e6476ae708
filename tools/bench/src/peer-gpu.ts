import { type GpuRecorder, recordGpu } from './gpu-recorder.js';
import { stubGpu } from './stub-gpu.js';

/**
 * What a peer's GPU does. `timed` is the real one with a timestamp at each dispatch. The others compute nothing, on tensors
 * that are zero: `null` is Dawn's own, which checks and encodes commands as always, in 512 MiB; `stub` does not even that,
 * and has no limit.
 */
export type GpuMode = 'real' | 'timed' | 'null' | 'stub';

/** Is there nothing to be computed, so that shapes are enough? */
export function isIdle(mode: GpuMode): boolean {
  return mode === 'null' || mode === 'stub';
}

/** Bring WebGPU to this process, where libraries look for it, and listen to it. Before any library asks for it. */
export async function openPeerGpu(mode: GpuMode): Promise<GpuRecorder> {
  if (mode === 'stub') return recordGpu(stubGpu(), false);
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  if (mode !== 'real') offer(create(DAWN_OPTIONS[mode]));
  return recordGpu(globalThis, mode === 'timed');
}

const UNSAFE = 'enable-dawn-features=allow_unsafe_apis';
const DAWN_OPTIONS = {
  // Timestamps are rounded to a tenth of a millisecond otherwise, so that pages cannot spy.
  timed: [UNSAFE, 'disable-dawn-features=timestamp_quantization'],
  null: [UNSAFE, 'backend=null'],
};

function offer(gpu: GPU): void {
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
}
