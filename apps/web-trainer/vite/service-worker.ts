import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/** What is worth having at once; the rest of the digits and tfjs's other engines come when they are asked for. */
const LATER =
  /^data\/mnist\/train-\w+-([2-9]|1\d)\.bin$|\.map$|^tfjs\/tfjs-backend-wasm(-threaded-simd)?\.wasm$/;

/** Writes `sw.js`: `vite/sw.js` with the list of the site's files and a version that changes when one of them does. */
export function serviceWorker(): Plugin {
  return {
    name: 'maehem-service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      if (this.environment.name !== 'client') return;
      const files = Object.keys(bundle)
        .filter((name) => !LATER.test(name))
        .sort();
      const hash = createHash('sha256');
      for (const name of files) {
        const output = bundle[name]!;
        hash.update(name).update(output.type === 'chunk' ? output.code : output.source);
      }
      const source = readFileSync(new URL('sw.js', import.meta.url), 'utf8')
        .replace("'VERSION'", JSON.stringify(hash.digest('hex').slice(0, 12)))
        .replace("'FILES'", JSON.stringify(['./', ...files.filter((name) => name !== 'index.html')]));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}
