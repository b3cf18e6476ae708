// node tools/workspace/check-boundaries.mjs [project folder...]   exits 1 when an import goes the wrong way
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkWorkspace } from './boundaries.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folders = process.argv.slice(2).map((folder) => relative(root, resolve(folder)).split(sep).join('/'));
const problems = checkWorkspace(root, folders);
for (const problem of problems) console.error(problem);
console.log(
  problems.length === 0 ? 'Module boundaries hold.' : `${problems.length} problem(s) with module boundaries.`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
