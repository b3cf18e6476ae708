#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { type BackendName, openBackend } from '@maehem/backend';
import type { Comparison } from './comparison.js';
import { runFolder } from './folder.js';

const USAGE = `usage: golden DIR [--backend auto|tensorflow|webgpu|wasm|cpu] [--json]
Runs every golden case of a folder and prints the largest error of each tensor; exits 1 when one is too large.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      backend: { type: 'string', default: 'auto' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const [folder] = positionals;
  if (values.help === true || folder === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return values.help === true ? 0 : 2;
  }
  const backend = await openBackend(values.backend as BackendName | 'auto');
  const { comparisons, uncovered } = await runFolder(folder);
  const failed = comparisons.filter(({ passed }) => !passed);
  if (values.json === true) {
    const report = { folder, backend: backend.name, passed: failed.length === 0, comparisons, uncovered };
    process.stdout.write(`${JSON.stringify(report, finite)}\n`);
  } else print(backend.name, comparisons, uncovered);
  return failed.length === 0 ? 0 : 1;
}

/** JSON has no infinity. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function print(backend: string, comparisons: readonly Comparison[], uncovered: readonly string[]): void {
  for (const { case: name, tensor, relative, absolute, tolerance, passed } of comparisons) {
    const figures = `relative ${relative.toExponential(1)}  absolute ${absolute.toExponential(1)}  allowed ${tolerance}`;
    process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${`${name} ${tensor}`.padEnd(52)} ${figures}\n`);
  }
  for (const file of uncovered) process.stdout.write(`     ${file}: no case of this tool reads it\n`);
  const failed = comparisons.filter(({ passed }) => !passed).length;
  process.stdout.write(`${backend}: ${comparisons.length - failed} of ${comparisons.length} tensors agree\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`golden: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
