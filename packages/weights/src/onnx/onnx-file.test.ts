import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectClose, sharedFolder } from '@maehem/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { floatValues } from '../index.js';
import { openModel, readSafetensors } from '../node/index.js';
import { exportOnnx } from './index.js';

const parity = sharedFolder('parity');
const ort = await import('onnxruntime-node').catch(() => undefined);
const missing =
  parity === undefined
    ? 'no ../shared/parity beside the checkout'
    : ort === undefined
      ? 'onnxruntime-node is not installed'
      : undefined;

async function collect(chunks: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-onnx-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('ONNX in onnxruntime', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  it.each([
    ['mae_a', 'mae_a.pth', 'latent_unmasked', 'last_hidden_state', 3],
    ['mae_b', 'mae_b.safetensors', 'latent_unmasked', 'last_hidden_state', 4],
    ['vit_gap', 'vit_gap.safetensors', 'logits', 'logits', 3],
    ['vit_cls', 'vit_cls.safetensors', 'logits', 'logits', 3],
  ] as const)('%s gives the golden %s', async (name, file, golden, output, heads) => {
    const model = await openModel(join(parity!, file), { heads });
    const { tensors } = await readSafetensors(join(parity!, `${name}.io.safetensors`));
    const images = tensors['imgs']!;
    const feeds = { pixel_values: new ort!.Tensor('float32', floatValues(images), images.shape) };
    for (const external of [false, true]) {
      const onnx = exportOnnx(model, { external });
      const path = join(folder, 'model.onnx');
      await writeFile(path, await collect(onnx.model()));
      if (onnx.data !== undefined)
        await writeFile(join(folder, onnx.data.name), await collect(onnx.data.bytes()));
      const session = await ort!.InferenceSession.create(path);
      expect(session.inputNames).toEqual(['pixel_values']);
      expect(session.outputNames).toEqual([output]);
      const result = (await session.run(feeds))[output]!;
      expect(result.dims).toEqual(tensors[golden]!.shape);
      await expectClose(result.data as Float32Array, floatValues(tensors[golden]!), 1e-4);
      await session.release();
    }
    await model.close();
  });
});
