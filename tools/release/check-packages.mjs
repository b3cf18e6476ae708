// node tools/release/check-packages.mjs [package name...]
// Packs every public package as it would be published and tries the tarballs as a user would: publint,
// are-the-types-wrong, what lies inside, an installation of all of them with npm into an empty folder with one tfjs,
// an import of every entry point in plain Node, a typed consumer, and the bundle size. Needs `tsc -b` to have run, and the network
// or npm's cache for third-party packages.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { findProjects } from '../workspace/boundaries.mjs';
import { needsShell, pnpmCommand, root } from '../workspace/pnpm.mjs';
import { checkBundleSizes } from './bundle-size.mjs';
import { checkPackedFiles } from './packed-files.mjs';
import { readmeExamples } from './readme-examples.mjs';

/** @typedef {import('../workspace/boundaries.mjs').Project} Project */

const only = process.argv.slice(2);
const projects = findProjects(root).filter(({ name, manifest }) =>
  only.length > 0 ? only.includes(name) : manifest.private !== true,
);
const work = mkdtempSync(join(tmpdir(), 'maehem-packages-'));
const consumer = join(work, 'consumer');
/** @type {string[]} */
const problems = [];

const tarballs = await pack();
for (const [name, tarball] of tarballs) {
  await stage(`publint ${name}`, () => lintTarball(tarball));
  await stage(`are the types wrong ${name}`, () => checkTypes(tarball));
}
await stage('npm install of every tarball', install);
await stage('one tfjs-core', oneTfjs);
for (const { name } of projects) {
  const folder = join(consumer, 'node_modules', name);
  await stage(`contents of ${name}`, () => checkPackedFiles(folder));
  for (const entry of entryPoints(folder)) await stage(`import ${entry}`, () => importEntry(entry));
  for (const [bin, file] of bins(folder)) await stage(`${bin} --help`, () => startBin(join(folder, file)));
}
for (const resolution of ['NodeNext', 'bundler'])
  await stage(`typed consumer (${resolution})`, () => typecheckConsumer(resolution));
await stage('bundle sizes', () =>
  checkBundleSizes(projects.map(({ name }) => join(consumer, 'node_modules', name))),
);

if (problems.length === 0) rmSync(work, { recursive: true });
else console.error(`\n${problems.join('\n')}\n\nWhat was packed lies in ${work}.`);
console.log(`${projects.length} packages checked, ${problems.length} problem(s).`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * Runs one check and notes its problems.
 * @param {string} name
 * @param {() => string[] | Promise<string[]>} check
 */
async function stage(name, check) {
  const found = await Promise.resolve()
    .then(check)
    .catch((error) => [String(error)]);
  console.log(`${found.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  problems.push(...found.map((problem) => `${name}: ${problem}`));
}

/** Packs each project; gives the tarball by package name. */
async function pack() {
  const { program, prefix } = await pnpmCommand();
  /** @type {Map<string, string>} */
  const packed = new Map();
  for (const { name, folder } of projects) {
    const destination = join(work, folder.replace('/', '-'));
    mkdirSync(destination);
    const args = [...prefix, 'pack', '--pack-destination', needsShell ? `"${destination}"` : destination];
    await stage(`pack ${name}`, () => run(program, args, { cwd: join(root, folder), shell: needsShell }));
    const [file] = readdirSync(destination);
    if (file) packed.set(name, join(destination, file));
  }
  return packed;
}

/** @param {string} tarball */
async function lintTarball(tarball) {
  const bytes = readFileSync(tarball);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
}

/** The packages are ESM only, so that CommonJS resolutions are out of scope. @param {string} tarball */
function checkTypes(tarball) {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  return run(process.execPath, [attw, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji']);
}

/** All tarballs side by side, so that none is looked up in a registry; npm brings the peers itself. */
function install() {
  mkdirSync(consumer);
  const dependencies = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]));
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies };
  writeFileSync(join(consumer, 'package.json'), JSON.stringify(manifest, null, 2));
  return run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: consumer,
    shell: needsShell,
  });
}

/** Two copies of tfjs-core would each have their own engine: tensors of one are unknown to the other. */
function oneTfjs() {
  const copies = readdirSync(join(consumer, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('@tensorflow/tfjs-core/package.json'));
  return copies.length === 1 ? [] : [`${copies.length} copies: ${copies.join(', ')}`];
}

/** Every import specifier that a package's exports map offers. @param {string} folder */
function entryPoints(folder) {
  const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.keys(exports).map((subpath) => name + subpath.slice(1));
}

/** @param {string} folder @returns {[string, string][]} */
function bins(folder) {
  return Object.entries(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin ?? {});
}

/** @param {string} specifier */
function importEntry(specifier) {
  const script = `const names = Object.keys(await import(${JSON.stringify(specifier)}));
    if (names.length === 0) throw new Error('it exports nothing');`;
  return run(process.execPath, ['--input-type=module', '-e', script], { cwd: consumer });
}

/** @param {string} file */
function startBin(file) {
  return run(process.execPath, [file, '--help'], { cwd: consumer });
}

/** The declarations of every entry point and the READMEs' examples, as a strict consumer reads them. @param {string} resolution */
function typecheckConsumer(resolution) {
  const entries = projects.flatMap(({ name }) => entryPoints(join(consumer, 'node_modules', name)));
  const lines = entries.map((entry, index) => `export * as entry${index} from ${JSON.stringify(entry)};`);
  writeFileSync(join(consumer, 'consumer.ts'), `${lines.join('\n')}\n`);
  const examples = projects.flatMap(({ name }) => readmeExamples(join(consumer, 'node_modules', name)));
  const files = examples.map((_, index) => `example-${index}.ts`);
  for (const [index, file] of files.entries()) writeFileSync(join(consumer, file), examples[index] ?? '');
  const compilerOptions = {
    target: 'ES2022',
    module: resolution === 'bundler' ? 'ESNext' : resolution,
    moduleResolution: resolution,
    lib: ['ES2023', 'DOM'],
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['consumer.ts', ...files] }),
  );
  const [output = ''] = run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
    cwd: consumer,
  });
  // tfjs-core's WebGPU types clash with TypeScript's own DOM types: only the consumer and these packages count.
  return output
    .split('\n')
    .filter((line) => /^(error |consumer\.ts|example-|node_modules\/(@maehem\/|maehem\/))/.test(line));
}

/**
 * Runs a program; a non-zero exit is one problem, with what it printed.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 */
function run(program, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { ...options, encoding: 'utf8' });
  if (error) return [error.message];
  return status === 0 ? [] : [`exit ${status}\n${stdout}${stderr}`.trim()];
}
