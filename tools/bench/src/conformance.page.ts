// The conformance page: kernels and a few training steps on the browser's WebGPU, against the CPU and wasm.
import { openBackend } from '@maehem/backend';
import { seed } from '@maehem/random';
import { CONFIGS } from './configs.js';
import { checkKernels } from './conformance.js';
import { drawWorkload } from './draw-workload.js';
import { createMaehem } from './peers/maehem.js';

const { location } = globalThis as unknown as { location: { origin: string } };

/** Losses of three steps. */
async function losses(backend: 'wasm' | 'webgpu'): Promise<number[]> {
  const peer = createMaehem({ open: { wasmPath: `${location.origin}/wasm/` } });
  await peer.init(drawWorkload(seed(4), CONFIGS.nano, 2), { backend, precision: 'float32' });
  const seen: number[] = [];
  for (let step = 0; step < 3; step++) seen.push(await peer.step());
  return seen;
}

/** What WebGPU says of itself. */
async function describe(): Promise<string> {
  const { description, details } = await openBackend('webgpu');
  return `${description}; ${details?.['features']}`;
}

Object.assign(globalThis, { checkKernels, losses, describe });
