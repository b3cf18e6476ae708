import { attentionSources } from '../attention/tunable-attention.js';
import { productSources } from '../matmul/tunable-product.js';

let known: string | undefined;

/**
 * A name for the kernels that can be tuned as they are now: a hash of what is sent to the compiler. Whoever changes a
 * kernel or a list of tiles makes it another, without thinking of it.
 */
export function kernelsVersion(): string {
  known ??= hash([...productSources(), ...attentionSources()].join('\n'));
  return known;
}

/** FNV-1a, twice 32 bits. */
function hash(text: string): string {
  let [low, high] = [0x811c9dc5, 0x9dc5811c];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x0100018d);
  }
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
