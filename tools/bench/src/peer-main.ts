// The process of a peer written in JavaScript: `node peer-main.js NAME THREADS`.
import { readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { GpuRecorder } from './gpu-recorder.js';
import type { Peer, PeerReply, PeerRequest } from './peer.js';
import { isIdle, openPeerGpu } from './peer-gpu.js';
import { NODE_PEERS } from './peers.js';
import { openShapes, openWorkload } from './workload.js';

const REPLY_DESCRIPTOR = 3;

const load = NODE_PEERS[process.argv[2] ?? ''];
if (load === undefined)
  throw new Error(`no peer '${process.argv[2]}'; known: ${Object.keys(NODE_PEERS).join(', ')}`);
const peer = await load(Number(process.argv[3]));
let recorder: GpuRecorder | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(peer, JSON.parse(line) as PeerRequest).catch((error: unknown): PeerReply => {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  });
  writeSync(REPLY_DESCRIPTOR, `${JSON.stringify(reply)}\n`);
}

async function answer(peer: Peer, request: PeerRequest): Promise<PeerReply> {
  if (request.command === 'init') {
    const { backend, folder, gpu = 'real' } = request;
    if (backend === 'webgpu') recorder = await openPeerGpu(gpu);
    await peer.init(isIdle(gpu) ? openShapes(folder) : openWorkload(folder), request);
    return { ready: true };
  }
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const loss = await peer.step();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  const times = { ms, cpuMs: (user + system) / 1000 };
  const gpu = await recorder?.take();
  const heapBytes = peer.heapBytes?.();
  return {
    ...{ loss, ...times, peakBytes: peakResidentBytes() },
    ...(heapBytes === undefined ? {} : { heapBytes }),
    ...(gpu === undefined ? {} : { gpu }),
  };
}

/** On Linux `resourceUsage().maxRSS` starts at the parent's size; the kernel's own mark for this program does not. */
function peakResidentBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const mark = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(mark?.[1] ?? process.resourceUsage().maxRSS) * 1024;
}
