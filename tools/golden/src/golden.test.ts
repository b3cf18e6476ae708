import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sinCosPositionEmbedding } from '@maehem/patches';
import { describeOnEveryBackend, sharedFolder } from '@maehem/testing';
import { encodeSafetensors, type HostTensor } from '@maehem/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compare, comparePixels } from './comparison.js';
import { runFolder } from './folder.js';
import { readTensors } from './tensors.js';

const NO_GOLDENS = 'no ../shared/parity beside the checkout';
/** What the reference was given, not what it computed. */
const INPUTS = /^(imgs|noise|labels|soft_targets|gelu\.x|interp\..*\.src|lars\.[a-z]+(0|\.grad\d))$/;
/** 16 x 16 RGB pixels of (100, 100, 100). */
const GRAY_PNG =
  'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFElEQVR42mNIIREwjGoY1TB8NQAAffUsEGWchGsAAAAASUVO' +
  'RK5CYII=';

describeOnEveryBackend('golden figures', () => {
  it('agree, every one of them, and leave no tensor', async (context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip(NO_GOLDENS);
    const before = tf.memory().numTensors;
    const { comparisons, uncovered } = await runFolder(folder);
    expect(comparisons.filter(({ passed }) => !passed)).toEqual([]);
    expect(uncovered).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);

    const compared = new Set(comparisons.map(({ case: name, tensor }) => `${name} ${tensor}`));
    const computed = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /(\.|\/)io\.safetensors$|^(pieces|image)\.safetensors$/.test(file))
      .flatMap((file) =>
        [...readTensors(join(folder, file)).keys()]
          .filter((name) => !INPUTS.test(name))
          .map((name) => `${file.split(/[./]/)[0]} ${name}`),
      );
    expect(computed.filter((name) => !compared.has(name))).toEqual([]);
  });
});

describe('runFolder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'golden-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (file: string, tensors: Record<string, HostTensor>): void =>
    writeFileSync(join(folder, file), encodeSafetensors(tensors));
  const zeros = (...shape: number[]): HostTensor => {
    const size = shape.reduce((product, n) => product * n, 1);
    return { dtype: 'F32', shape, data: new Float32Array(size) };
  };
  const sinCos = (): Float32Array => sinCosPositionEmbedding({ dim: 8, grid: [2, 2] });

  it('passes a right figure, fails a wrong one, and says by how much', async () => {
    const data = sinCos();
    write('pieces.safetensors', { 'sincos.d8.g2.cls0': { dtype: 'F32', shape: [4, 8], data } });
    expect(await runFolder(folder)).toEqual({
      comparisons: [
        {
          ...{ case: 'pieces', tensor: 'sincos.d8.g2.cls0', kind: 'activation', tolerance: 1e-4 },
          ...{ relative: 0, absolute: 0, passed: true },
        },
      ],
      uncovered: [],
    });
    data[5]! += 0.25;
    write('pieces.safetensors', { 'sincos.d8.g2.cls0': { dtype: 'F32', shape: [4, 8], data } });
    const [wrong] = (await runFolder(folder)).comparisons;
    expect(wrong).toMatchObject({ tensor: 'sincos.d8.g2.cls0', passed: false });
    expect(wrong!.absolute).toBeCloseTo(0.25, 6);
  });

  it('fails a figure of another size', async () => {
    write('pieces.safetensors', { 'sincos.d8.g2.cls0': zeros(3, 8) });
    const [comparison] = (await runFolder(folder)).comparisons;
    expect(comparison).toMatchObject({ passed: false, absolute: Number.POSITIVE_INFINITY });
  });

  it('lists files that no case reads', async () => {
    write('pieces.safetensors', { 'sincos.d8.g2.cls0': { dtype: 'F32', shape: [4, 8], data: sinCos() } });
    writeFileSync(join(folder, 'mae_x.pth'), '');
    writeFileSync(join(folder, 'README.md'), '');
    mkdirSync(join(folder, 'hf'));
    expect((await runFolder(folder)).uncovered).toEqual(['hf', 'mae_x.pth']);
  });

  it('refuses a folder that is missing, and one without a case', async () => {
    await expect(runFolder(join(folder, 'nowhere'))).rejects.toThrow(
      `golden folder ${join(folder, 'nowhere')} does not exist`,
    );
    await expect(runFolder(folder)).rejects.toThrow(`${folder} holds no golden case; looked for mae_*`);
  });

  it('names a tensor that a case lacks, and a file that is broken', async () => {
    const weights = {
      ...{ cls_token: zeros(1, 1, 8), pos_embed: zeros(1, 5, 8) },
      ...{ 'patch_embed.proj.weight': zeros(8, 3, 4, 4), 'patch_embed.proj.bias': zeros(8) },
    };
    write('vit_x.safetensors', weights);
    write('vit_x.io.safetensors', { logits: zeros(1, 7) });
    await expect(runFolder(folder)).rejects.toThrow('vit_x: golden file lacks the tensor imgs');
    writeFileSync(join(folder, 'vit_x.io.safetensors'), 'torn');
    await expect(runFolder(folder)).rejects.toThrow('vit_x.io.safetensors');
  });

  it('compares images with those of the evaluation transform', async () => {
    writeFileSync(join(folder, 'image.png'), Buffer.from(GRAY_PNG, 'base64'));
    const gray = (size: number, value: number): HostTensor => ({
      ...{ dtype: 'U8', shape: [size, size, 3], data: new Uint8Array(size * size * 3).fill(value) },
    });
    const mean = [0.485, 0.456, 0.406];
    const std = [0.229, 0.224, 0.225];
    const normalised = Float32Array.from({ length: 48 }, (_, i) => (100 / 255 - mean[i % 3]!) / std[i % 3]!);
    const golden = (value: number): Record<string, HostTensor> => ({
      resized_8short: gray(8, value),
      center_crop_4: gray(4, value),
      normalized_hwc: {
        dtype: 'F32',
        shape: [4, 4, 3],
        data: normalised.map((x) => x + (value - 100) / 255 / 0.2),
      },
      random_resized_crop_box_1_2_6_5_to_4: gray(4, value),
    });
    const passes = async (value: number): Promise<boolean[]> => {
      write('image.safetensors', golden(value));
      const { comparisons, uncovered } = await runFolder(folder);
      expect(uncovered).toEqual([]);
      expect(comparisons.map(({ tensor }) => tensor)).toEqual(Object.keys(golden(0)));
      return comparisons.map(({ passed }) => passed);
    };
    expect(await passes(100)).toEqual([true, true, true, true]);
    expect(await passes(102)).toEqual([false, false, false, false]);
    const { center_crop_4: _cropped, ...lacking } = golden(100);
    write('image.safetensors', lacking);
    await expect(runFolder(folder)).rejects.toThrow('image: golden file lacks a tensor center_crop_<size>');
  });
});

describe('tolerances', () => {
  it('are relative to the largest entry', () => {
    const near = (kind: 'exact' | 'activation' | 'gradient' | 'updated', gap: number) =>
      compare('case', 'tensor', kind, [0, 10 + gap], [0, 10]).passed;
    expect([near('exact', 0), near('exact', 1e-9)]).toEqual([true, false]);
    expect([near('activation', 9e-4), near('activation', 1.1e-3)]).toEqual([true, false]);
    expect([near('gradient', 9e-3), near('gradient', 1.1e-2)]).toEqual([true, false]);
    expect([near('updated', 9e-3), near('updated', 1.1e-2)]).toEqual([true, false]);
  });

  it('let updated weights differ absolutely where they are small', () => {
    expect(compare('case', 'tensor', 'updated', [1.9e-4], [0]).passed).toBe(true);
    expect(compare('case', 'tensor', 'updated', [2.1e-4], [0]).passed).toBe(false);
  });

  it('are a mean of one step in 255 for pixels', () => {
    const of = (actual: number[]) => comparePixels('case', 'tensor', actual, [0, 0, 0, 0], 255);
    expect(of([4, 0, 0, 0])).toMatchObject({ passed: true, absolute: 4, relative: 1 / 255 });
    expect(of([4, 1, 0, 0]).passed).toBe(false);
    expect(of([0, 0, 0]).passed).toBe(false);
  });

  it('let no NaN pass', () => {
    for (const kind of ['exact', 'activation', 'gradient', 'updated'] as const)
      expect(compare('case', 'tensor', kind, [Number.NaN], [0]).passed).toBe(false);
    expect(comparePixels('case', 'tensor', [Number.NaN, 0], [0, 0], 255).passed).toBe(false);
    expect(compare('case', 'tensor', 'activation', [0], [Number.NaN]).passed).toBe(false);
  });
});
