// The one entry of the root scripts that must work on a bare checkout: Node and npm are all it needs.
//   node tools/workspace/run.mjs install                 install what the lockfile says, when it is not there yet
//   node tools/workspace/run.mjs pnpm ARGS               the pinned pnpm, where the machine has none
//   node tools/workspace/run.mjs test [vitest args]      every test of the workspace, with the skipped ones listed
//   node tools/workspace/run.mjs demo [maehem args]      build the trainer and run `maehem demo`
//   node tools/workspace/run.mjs setup [args]            build setup-tensorflow and run it
//   node tools/workspace/run.mjs golden|bench [args]     build that tool and run it; stdout holds its output alone
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, needsShell, pnpmCommand, root } from './pnpm.mjs';

/** @type {import('node:child_process').SpawnOptions} */
const onStderr = { stdio: ['inherit', 2, 'inherit'] };

// npm and pnpm start scripts in the root; paths on the command line are meant from where they were called.
const calledFrom = process.env['INIT_CWD'] ?? process.cwd();

/** @type {Record<string, (args: string[]) => Promise<number>>} */
const commands = {
  install: async () => 0,
  pnpm,
  test: (args) => node('node_modules/vitest/vitest.mjs', ['run', ...args]),
  demo: (args) => buildAndRun('apps/node-trainer', 'dist/maehem.js', ['demo', ...args], root),
  setup: (args) => buildAndRun('packages/setup-tensorflow', 'dist/setup-tensorflow.js', args, calledFrom),
  golden: (args) => buildAndRun('tools/golden', 'dist/golden.js', args, calledFrom),
  bench: (args) => buildAndRun('tools/bench', 'dist/bench.js', args, calledFrom),
};

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} argv */
async function main([name = '', ...args]) {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) return fail(`Unknown command "${name}". Known: ${Object.keys(commands).join(', ')}.`);
  const needed = /(\d+)\.(\d+)/.exec(manifest.engines.node);
  if (!isAtLeast(process.versions.node, Number(needed?.[1]), Number(needed?.[2])))
    return fail(
      `MAEhem needs Node ${manifest.engines.node}; this is ${process.versions.node}. See https://nodejs.org.`,
    );
  const installed = command === pnpm ? 0 : await install();
  return installed || command(args);
}

/** Builds a workspace project (compiler messages go to stderr) and runs its program with `args`. */
async function buildAndRun(
  /** @type {string} */ project,
  /** @type {string} */ program,
  /** @type {string[]} */ args,
  /** @type {string} */ cwd,
) {
  if (!existsSync(join(root, project, 'package.json')))
    return fail(`There is no ${project} in this checkout.`);
  const built = await node('node_modules/typescript/bin/tsc', ['-b', project], onStderr);
  return built || node(join(project, program), args, { cwd });
}

/** `pnpm install`, unless node_modules already holds what the lockfile says: then no network is needed. */
async function install() {
  if (isInstalled()) return 0;
  process.stderr.write('Installing the workspace…\n');
  const code = await pnpm(['install', '--frozen-lockfile']);
  return code === 0 ? 0 : fail(`The installation failed (exit ${code}); its messages are above.`);
}

// pnpm keeps a copy of the lockfile that it installed.
function isInstalled() {
  const installed = join(root, 'node_modules', '.pnpm', 'lock.yaml');
  if (!existsSync(installed)) return false;
  return readText(installed) === readText(join(root, 'pnpm-lock.yaml'));
}

/** Runs pnpm; its messages go to stderr, and it asks nothing. */
async function pnpm(/** @type {string[]} */ args) {
  const { program, prefix } = await pnpmCommand();
  const env = { ...process.env, COREPACK_ENABLE_DOWNLOAD_PROMPT: '0', CI: process.env['CI'] ?? 'true' };
  return run(program, [...prefix, ...args], { shell: needsShell, env, ...onStderr });
}

/** Runs a Node program of the workspace. */
function node(/** @type {string} */ program, /** @type {string[]} */ args, options = {}) {
  return run(process.execPath, [join(root, program), ...args], options);
}

/**
 * Runs a program to its end and gives its exit code. It lives as long as its child: on a terminal, Ctrl-C reaches
 * the child by itself, so it is only passed on where there is no terminal; a child that is saving a checkpoint must
 * not see one Ctrl-C twice.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>}
 */
function run(program, args, options) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options });
    const onSignal = (/** @type {NodeJS.Signals} */ signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
    for (const signal of signals) process.on(signal, onSignal);
    child.on('error', (error) => resolve(fail(`Cannot start ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, onSignal);
      if (code !== null) return resolve(code);
      const asked = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[String(signal)];
      resolve(asked ?? fail(`${program} ${args.join(' ')} was ended by ${signal}.`));
    });
  });
}

function isAtLeast(/** @type {string} */ version, /** @type {number} */ major, /** @type {number} */ minor) {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

function readText(/** @type {string} */ file) {
  return readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim();
}

function fail(/** @type {string} */ message) {
  process.stderr.write(`${message}\n`);
  return 1;
}
