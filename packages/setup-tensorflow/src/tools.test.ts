import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findTools } from './tools.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-tools-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A PATH with programs that end with the given exit codes. */
function pathWith(programs: Readonly<Record<string, number>>): string {
  const folder = mkdtempSync(join(root, 'bin-'));
  for (const [name, code] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nexit ${code}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

it('finds the compiler, npm and python3', async () => {
  const path = pathWith({ 'clang++': 0, npm: 0, python3: 0 });
  expect(await findTools('wheel', path, {})).toEqual({
    compiler: join(path, 'clang++'),
    npm: join(path, 'npm'),
    python: join(path, 'python3'),
  });
});

it('names everything that is missing at once, and what to install', async () => {
  const failure = findTools('wheel', pathWith({}), {});
  await expect(failure).rejects.toThrow(
    /C\+\+ compiler \(looked for g\+\+, clang\+\+, c\+\+\): apt-get install g\+\+/,
  );
  await expect(failure).rejects.toThrow(/npm: it comes with Node/);
  await expect(failure).rejects.toThrow(/python3: apt-get install python3 python3-pip\..*--from FILE\.whl/);
});

it('tells a Python without pip from no Python', async () => {
  const path = pathWith({ 'g++': 0, npm: 0, python3: 1 });
  await expect(findTools('wheel', path, {})).rejects.toThrow(
    `pip of ${join(path, 'python3')}: apt-get install python3-pip`,
  );
  expect((await findTools('python', path, {})).python).toBe(join(path, 'python3'));
});

it('asks for no Python where TensorFlow is on the disk', async () => {
  const path = pathWith({ 'g++': 0, npm: 0 });
  expect((await findTools('some.whl', path, {})).python).toBeUndefined();
});

it('takes the compiler of CXX', async () => {
  const path = pathWith({ 'g++': 0, 'g++-13': 0, npm: 0 });
  expect((await findTools('some.whl', path, { CXX: 'g++-13' })).compiler).toBe(join(path, 'g++-13'));
  await expect(findTools('some.whl', path, { CXX: 'icpx' })).rejects.toThrow(
    'C++ compiler (looked for icpx)',
  );
});

it('passes over a folder of that name', async () => {
  const path = pathWith({ npm: 0 });
  mkdirSync(join(path, 'g++'));
  await expect(findTools('some.whl', path, {})).rejects.toThrow('C++ compiler');
});
