// A peer of the benchmark in a page: `page.ts` tells it what to train, and asks it for steps.
import type { OpenOptions } from '@maehem/backend';
import type { MaeConfig } from '@maehem/mae';
import { seed as rootKey } from '@maehem/random';
import { createParallelPretrainer, type PageWorker } from '@maehem/train/browser';
import { drawWorkload } from '../draw-workload.js';
import { type GpuRecorder, recordGpu } from '../gpu-recorder.js';
import type { Engine, Peer } from '../peer.js';
import type { StepResult } from '../peer-process.js';
import { createJaxjs } from '../peers/jaxjs.js';
import { createMaehem } from '../peers/maehem.js';
import { createNaive } from '../peers/naive.js';
import type { NamedPeer } from '../peers.js';

const { location, Worker } = globalThis as unknown as {
  location: { origin: string };
  Worker: new (url: string, options: { type: 'module' }) => PageWorker;
};

interface Order extends NamedPeer {
  readonly config: MaeConfig;
  readonly batch: number;
  readonly seed: number;
  readonly engine: Engine;
}

let peer: Peer | undefined;
let recorder: GpuRecorder | undefined;

async function initPeer({ config, batch, seed, engine, own, ...named }: Order): Promise<void> {
  if (engine.backend === 'webgpu') recorder = recordGpu(globalThis, engine.gpu === 'timed');
  peer = createPeer(named);
  await peer.init(drawWorkload(rootKey(seed), config, batch), { ...engine, ...own });
}

function createPeer({ name, threads }: Omit<NamedPeer, 'own'>): Peer {
  const open: OpenOptions = { wasmPath: `${location.origin}/wasm/` };
  if (name === 'naive') return createNaive(open);
  if (name === 'jaxjs') return createJaxjs();
  if (name !== 'maehem') throw new Error(`there is no ${name} in a page`);
  const worker = () => new Worker('/thread.js', { type: 'module' });
  return createMaehem({
    open,
    makePretrainer: (task, start) => createParallelPretrainer(task, start, { threads, open, worker }),
  });
}

/** A page does not know its memory. */
async function stepPeer(): Promise<StepResult> {
  const start = performance.now();
  const loss = await peer!.step();
  const ms = performance.now() - start;
  const gpu = await recorder?.take();
  return { loss, ms, peakBytes: 0, ...(gpu && { gpu }) };
}

Object.assign(globalThis, { initPeer, stepPeer });
