import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { CUDA_LIBRARIES, findCuda, missingCuda, placeCuda, placeXlaFiles } from './cuda.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-cuda-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(...parts: readonly string[]): void {
  const file = join(...parts);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, parts.at(-1) as string);
}

const nvidia = join(root, 'nvidia');
for (const { name } of CUDA_LIBRARIES)
  write(nvidia, name.startsWith('libcudnn') ? 'cudnn' : 'others', 'lib', name);
write(nvidia, 'cudnn', 'lib', 'libcudnn_graph.so.9');
write(nvidia, 'cudnn', 'lib', 'libcudnn_adv_infer.a');
const folders = [join(root, 'nowhere'), join(nvidia, 'others', 'lib'), join(nvidia, 'cudnn', 'lib')];

it('finds every library, wherever it is', async () => {
  const { found, missing } = await findCuda(folders);
  expect(missing).toEqual([]);
  expect(found.get('libcudnn.so.9')).toBe(join(nvidia, 'cudnn', 'lib', 'libcudnn.so.9'));
});

it('names what is missing, and the packages that have it', async () => {
  const { missing } = await findCuda([join(nvidia, 'others', 'lib')]);
  const { message } = missingCuda(missing, [join(nvidia, 'others', 'lib')]);
  expect(message).toContain('  - libcudnn.so.9 (pip package nvidia-cudnn-cu12)');
  expect(message).not.toContain('libcublas');
  expect(message).toContain(`looked in ${join(nvidia, 'others', 'lib')}`);
});

it("puts them into one folder, with cuDNN's parts", async () => {
  const target = join(root, 'placed');
  const { found } = await findCuda(folders);
  await placeCuda(found, target);
  for (const name of [...CUDA_LIBRARIES.map((library) => library.name), 'libcudnn_graph.so.9'])
    expect(lstatSync(join(target, name)).isFile(), name).toBe(true);
  expect(existsSync(join(target, 'libcudnn_adv_infer.a'))).toBe(false);
});

it('tells whether XLA has what it compiles with', async () => {
  const target = join(root, 'xla');
  expect(await placeXlaFiles(folders, target)).toBe(false);
  write(nvidia, 'cuda_nvcc', 'nvvm', 'libdevice', 'libdevice.10.bc');
  write(nvidia, 'cuda_nvcc', 'bin', 'ptxas');
  expect(await placeXlaFiles(folders, target)).toBe(true);
  expect(existsSync(join(target, 'nvvm', 'libdevice', 'libdevice.10.bc'))).toBe(true);
});
