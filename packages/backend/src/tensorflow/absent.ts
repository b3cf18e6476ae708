import type { BackendProvider } from '../provider.js';

/** In a page there is no TensorFlow C library. */
export const tensorflowProvider: BackendProvider | undefined = undefined;
export const tensorflowOnGpuProvider: BackendProvider | undefined = undefined;

/** Never called there: no engine of that name opens. */
export function captureGraph(): never {
  throw new Error('TensorFlow graphs are for Node');
}
