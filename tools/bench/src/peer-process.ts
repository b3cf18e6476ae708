import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { MaeConfig } from '@maehem/mae';
import type { GpuRecord } from './gpu-recorder.js';
import type { Engine, PeerReply, PeerRequest } from './peer.js';
import { parsePeer, peerCommand } from './peers.js';

/** One timed step; `peakBytes` is the process's largest resident set so far, the runtime included. */
export interface StepResult {
  readonly loss: number;
  readonly ms: number;
  /** Of all cores together; where the peer tells. */
  readonly cpuMs?: number;
  readonly peakBytes: number;
  /** The engine's own memory, where the peer tells. */
  readonly heapBytes?: number;
  /** On WebGPU: what the step asked of the GPU. */
  readonly gpu?: GpuRecord;
}

/** What is to be trained. */
interface Work {
  /** Where it is written, for peers that do not draw it themselves. */
  readonly folder: string;
  readonly config: MaeConfig;
  readonly batch: number;
  readonly seed: number;
}

/** A peer in its own process, so that engines and heaps do not disturb each other. */
export interface PeerProcess {
  readonly name: string;
  init(work: Work, engine: Engine): Promise<void>;
  step(): Promise<StepResult>;
  stop(): void;
}

/** @throws when there is no such peer. */
export function startPeer(name: string): PeerProcess {
  const [program, ...args] = peerCommand(name);
  const { own } = parsePeer(name);
  // What a library prints must not reach our stdout: `--json` promises one object there.
  const child = spawn(program, args, { stdio: ['pipe', 2, 2, 'pipe'] });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`cannot start ${program}: ${error.message}`));
    child.on('exit', (code, signal) => resolve(`its process ended early (${signal ?? `exit ${code}`})`));
  });
  const replies = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  child.stdin?.on('error', () => {}); // A dead process is reported by `ended`.
  const ask = async (request: PeerRequest): Promise<PeerReply> => {
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    const line = await Promise.race([replies.next(), ended.then((reason) => ({ reason }))]);
    if ('reason' in line || line.done)
      throw new Error(`peer ${name}: ${'reason' in line ? line.reason : await ended}`);
    const reply = JSON.parse(line.value) as PeerReply;
    if ('error' in reply) throw new Error(`peer ${name}: ${reply.error}`);
    return reply;
  };
  return {
    name,
    init: async ({ folder }, engine) => void (await ask({ command: 'init', folder, ...engine, ...own })),
    step: async () => (await ask({ command: 'step' })) as StepResult,
    stop: () => void child.kill(),
  };
}
