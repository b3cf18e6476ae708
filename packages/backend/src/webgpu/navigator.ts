import { host } from './host.js';

/** A page's way to a GPU. Node gets `dawn.ts` in place of this file, by way of the package's `#gpu` import. */

/** Where adapters are asked for, or a sentence on why there is no such place and what to do. */
export async function openGpu(_adapterName?: string): Promise<GPU | string> {
  const gpu = host.navigator?.gpu;
  if (gpu !== undefined) return gpu;
  return host.isSecureContext === false
    ? 'WebGPU needs a secure page; serve it over https or from localhost'
    : 'this browser has no WebGPU; take a current Chrome, Edge, Safari or Firefox';
}

/** What to do where there is no adapter. */
export const NO_ADAPTER: string =
  'the browser offers no GPU adapter; its page about the GPU (chrome://gpu, about:support) says why';
