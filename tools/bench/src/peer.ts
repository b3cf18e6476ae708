import type { BackendName, Precision } from '@maehem/backend';
import type { GpuRecord } from './gpu-recorder.js';
import type { GpuMode } from './peer-gpu.js';
import type { Workload } from './workload.js';

/** What to run on; a peer that does not have it says so in {@link Peer.init}. */
export interface Engine {
  readonly backend: BackendName;
  /** `bfloat16`: matrix products round their inputs to it, as PyTorch's autocast; weights and losses are float32. */
  readonly precision: Precision;
  /** Blocks that are computed twice instead of being kept: every one (1), every second (2) …; none (0) unless told. */
  readonly recompute?: number;
  /** On WebGPU, in float16: multiply on tensor cores. */
  readonly tensorCores?: boolean;
  /** On WebGPU; `real` if nothing is said. */
  readonly gpu?: GpuMode;
}

/** What a peer says that has only one precision. */
export function assertFloat32(name: string, { backend, precision }: Engine): void {
  if (precision !== 'float32') throw new Error(`${name} on ${backend} has no ${precision}`);
}

/**
 * One implementation of the pretraining step: forward, backward and AdamW on the norm-pix loss. All peers start
 * from the same workload and must give the same losses. A peer lives as long as its process.
 */
export interface Peer {
  readonly name: string;
  /** @throws when the backend or the precision is not one of this peer's, saying which are. */
  init(workload: Workload, engine: Engine): Promise<void>;
  /** One whole step on the workload's batch, finished when the promise resolves. @returns the loss before it. */
  step(): Promise<number>;
  /** Bytes that the engine holds, where it tells. */
  heapBytes?(): number | undefined;
}

/**
 * How the harness and a peer's process talk: one JSON object a line, requests on the peer's stdin, one reply each
 * on its file descriptor 3. Stdout and stderr are free for a library's chatter. A peer in another language needs
 * these lines and the files of `WorkloadManifest`, nothing else. The files are gone after the reply to `init`.
 */
export type PeerRequest =
  | ({ readonly command: 'init'; readonly folder: string } & Engine)
  | { readonly command: 'step' };

/**
 * `ms` is the wall time of the step alone, `cpuMs` what it took of all cores together; `peakBytes` the largest resident
 * set of the whole process so far, `heapBytes` the engine's own memory.
 */
export type PeerReply =
  | { readonly ready: true }
  | {
      readonly loss: number;
      readonly ms: number;
      readonly cpuMs?: number;
      readonly peakBytes: number;
      readonly heapBytes?: number;
      /** On WebGPU: what the step asked of the GPU. */
      readonly gpu?: GpuRecord;
    }
  | { readonly error: string };
