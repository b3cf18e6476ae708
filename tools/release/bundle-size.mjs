import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/**
 * Bundles every entry point of the installed packages, prints what a page would load for it (the package's own code,
 * minified and gzipped; dependencies stay outside), and compares with bundle-budgets.json.
 * @param {string[]} folders
 * @returns {Promise<string[]>}
 */
export async function checkBundleSizes(folders) {
  /** @type {Record<string, number>} gzipped bytes by import specifier */
  const budgets = JSON.parse(readFileSync(new URL('bundle-budgets.json', import.meta.url), 'utf8'));
  /** @type {string[]} */
  const problems = [];
  for (const folder of folders) {
    const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const [subpath, conditions] of Object.entries(exports)) {
      const entry = name + subpath.slice(1);
      const bytes = await gzippedSize(join(folder, conditions.default));
      const budget = budgets[entry];
      console.log(`       ${entry.padEnd(28)} ${kib(bytes)} of ${budget === undefined ? '?' : kib(budget)}`);
      if (budget === undefined) problems.push(`${entry} has no budget in tools/release/bundle-budgets.json`);
      else if (bytes > budget) problems.push(`${entry} is ${bytes} bytes gzipped; its budget is ${budget}`);
    }
  }
  return problems;
}

/** @param {string} file */
async function gzippedSize(file) {
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    packages: 'external',
    logLevel: 'silent',
  });
  return outputFiles.reduce((sum, output) => sum + gzipSync(output.contents, { level: 9 }).length, 0);
}

/** @param {number} bytes */
function kib(bytes) {
  return `${(bytes / 1024).toFixed(1).padStart(6)} KiB`;
}
