import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * What is wrong with the files of an installed package: tests or build leftovers inside, no licence or README, export targets
 * or source maps that lead nowhere, dependency ranges that only this workspace understands.
 * @param {string} folder
 * @returns {string[]}
 */
export function checkPackedFiles(folder) {
  const files = filesOf(folder);
  const unwanted = files.filter((file) => /\.(test|bench)\.|\.tsbuildinfo$|__|(^|\/)tsconfig/.test(file));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return [
    ...unwanted.map((file) => `${file} must not be published`),
    ...['LICENSE', 'README.md'].filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...targetsOf(manifest.exports)
      .filter((target) => !existsSync(join(folder, target)))
      .map((target) => `exports points at ${target}, which is missing`),
    ...workspaceRanges(manifest),
    ...files
      // A built site is shipped to pages as it is; modules are stepped through.
      .filter((file) => /\.(js|d\.ts)$/.test(file) && !file.startsWith('dist/site/'))
      .flatMap((file) => checkSourceMap(folder, file)),
  ];
}

/** @param {string} folder @returns {string[]} paths with `/`, relative to the folder */
function filesOf(folder, prefix = '') {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesOf(folder, `${path}/`);
    return [path];
  });
}

/** @param {unknown} exports @returns {string[]} */
function targetsOf(exports) {
  if (typeof exports === 'string') return [exports];
  return Object.values(exports ?? {}).flatMap(targetsOf);
}

/** @param {Record<string, Record<string, string>>} manifest */
function workspaceRanges(manifest) {
  return ['dependencies', 'peerDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {})
      .filter(([, range]) => /^(workspace|catalog|file|link):/.test(range))
      .map(([name, range]) => `${kind} has "${name}": "${range}"`),
  );
}

/** A compiled file whose source is gone is a leftover of an older build. @param {string} folder @param {string} file */
function checkSourceMap(folder, file) {
  if (!file.startsWith('dist/')) return [];
  const url = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(join(folder, file), 'utf8'))?.[1];
  if (!url) return [`${file} has no source map`];
  const map = resolve(folder, dirname(file), url);
  if (!existsSync(map)) return [`${file}: ${url} is missing`];
  const { sources, sourceRoot = '' } = JSON.parse(readFileSync(map, 'utf8'));
  return /** @type {string[]} */ (sources)
    .map((source) => resolve(dirname(map), sourceRoot, source))
    .filter((source) => !existsSync(source))
    .map(
      (source) =>
        `${file}: its source ${relative(folder, source)} is missing: if it is gone, delete dist and build`,
    );
}
