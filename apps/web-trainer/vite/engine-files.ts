import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SiteFiles } from './site-files.js';

/** tfjs's WebAssembly binaries, which it fetches from a folder when the engine opens. */
export function engineFiles(): SiteFiles {
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  const names = ['', '-simd', '-threaded-simd'].map((variant) => `tfjs-backend-wasm${variant}.wasm`);
  return Object.fromEntries(names.map((name) => [`tfjs/${name}`, () => readFileSync(join(folder, name))]));
}
