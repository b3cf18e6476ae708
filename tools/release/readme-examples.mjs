import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The TypeScript examples in a folder's README.
 * @param {string} folder
 * @returns {string[]}
 */
export function readmeExamples(folder) {
  const markdown = readFileSync(join(folder, 'README.md'), 'utf8').replaceAll('\r\n', '\n');
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = '']) => source);
}
