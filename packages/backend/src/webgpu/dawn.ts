import { tmpdir } from 'node:os';
import { host } from './host.js';

/**
 * Node's way to a GPU: Dawn, the WebGPU of Chromium, from the optional peer package `webgpu`. A bundle for
 * browsers gets `navigator.ts` in place of this file, by way of the package's `#gpu` import.
 */

/** Features that Dawn still calls experimental, such as tensor cores, are behind this switch. */
const DAWN_OPTIONS = ['enable-dawn-features=allow_unsafe_apis'];

/**
 * Where adapters are asked for, or a sentence on why there is no such place and what to do.
 * @param adapterName part of an adapter's name, case-sensitive: only such adapters are found.
 */
export async function openGpu(adapterName?: string): Promise<GPU | string> {
  if (host.navigator?.gpu !== undefined) return host.navigator.gpu;
  // Without it the Vulkan loader's window part complains on stderr, though no window is wanted.
  if (process.platform === 'linux') process.env['XDG_RUNTIME_DIR'] ??= tmpdir();
  try {
    const { create, globals } = await import('webgpu');
    for (const [name, value] of Object.entries(globals))
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
    return create([...DAWN_OPTIONS, ...(adapterName === undefined ? [] : [`adapter=${adapterName}`])]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND')
      return 'the package `webgpu` (Dawn) is not installed; run: npm install webgpu';
    return `the package \`webgpu\` (Dawn) does not load: ${(error as Error).message}`;
  }
}

/** What to do where there is no adapter. */
export const NO_ADAPTER: string =
  'no GPU adapter; install a driver (on Linux a Vulkan driver, and libvulkan1), or use another backend';
