import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openStaging, publish } from './staging.js';

const parent = mkdtempSync(join(tmpdir(), 'maehem-staging-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

let root = parent;
beforeEach(() => {
  root = mkdtempSync(join(parent, 'root-'));
});

async function staged(content: string): Promise<string> {
  const staging = await openStaging(root);
  writeFileSync(join(staging, 'content'), content);
  return staging;
}

it('gives a name all at once', async () => {
  await publish(await staged('one'), join(root, 'cpu'));
  expect(readdirSync(root)).toEqual(['cpu']);
  expect(readFileSync(join(root, 'cpu', 'content'), 'utf8')).toBe('one');
});

it('replaces what has the name, and leaves nothing of it', async () => {
  await publish(await staged('one'), join(root, 'cpu'));
  await publish(await staged('two'), join(root, 'cpu'));
  expect(readdirSync(root)).toEqual(['cpu']);
  expect(readFileSync(join(root, 'cpu', 'content'), 'utf8')).toBe('two');
});

it('is one of them whole when several give the same name at once', async () => {
  const contents = ['one', 'two', 'three', 'four'];
  const all = await Promise.all(contents.map(staged));
  await Promise.all(all.map((staging) => publish(staging, join(root, 'cpu'))));
  expect(readdirSync(root)).toEqual(['cpu']);
  expect(contents).toContain(readFileSync(join(root, 'cpu', 'content'), 'utf8'));
});

it('removes what a stopped set-up left, and nothing of one at work or on another machine', async () => {
  const { pid: gone } = spawnSync(process.execPath, ['-e', '0']);
  const left = join(root, `.building-${hostname()}-${gone}-abc`);
  const elsewhere = join(root, `.building-not-${hostname()}-${gone}-abc`);
  for (const folder of [left, elsewhere]) mkdirSync(folder);
  const first = await openStaging(root);
  await openStaging(root);
  expect([left, elsewhere, first].map(existsSync)).toEqual([false, true, true]);
});
