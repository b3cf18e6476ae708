import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, openBackend } from '@maehem/backend';
import { encode, initMae, type MaeEncoder, maeParameters, maePreset } from '@maehem/mae';
import { patchify } from '@maehem/patches';
import { bits, fold, normal, seed } from '@maehem/random';
import { expectClose, sharedFolder } from '@maehem/testing';
import { downloadTree, loadPretrained, vitConfigOf } from '@maehem/train';
import { encodePng } from '@maehem/viz';
import { openModel, readSafetensors, writeSafetensors } from '@maehem/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram } from './program.js';

const ort = await import('onnxruntime-node').catch(() => undefined);

/** A non-square model with mean-free weights; positions are sin-cos, which tell its image. */
const config = maePreset('vit-ti', {
  ...{ imageSize: [16, 24], patchSize: [8, 8], dim: 16, depth: 2, heads: 2 },
  ...{ decoderDim: 8, decoderDepth: 1, decoderHeads: 2 },
});
const HEADS = ['--heads', '2', '--decoder-heads', '2'];

let folder = '';
const at = (name: string): string => join(folder, name);

/** Run the program in this process. @returns what it wrote */
async function maehem(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += text;
      return true;
    }),
  );
  try {
    await createProgram()
      .exitOverride()
      .parseAsync(['node', 'maehem', ...args]);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return written;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-convert-'));
  await openBackend('cpu');
  const params = initMae(seed(4), config);
  await writeSafetensors(at('mae.safetensors'), await downloadTree(params));
  dispose(params);
});
afterAll(() => rm(folder, { recursive: true }));

describe('maehem info', () => {
  it('concludes an architecture and lists tensors', async () => {
    const { stdout } = await maehem('info', at('mae.safetensors'), ...HEADS);
    expect(stdout).toContain('model       masked autoencoder\nimage       16x24, 3 channels, patch 8x8\n');
    expect(stdout).toContain(
      'encoder     width 16, depth 2, heads 2, MLP 64\ndecoder     width 8, depth 1, heads 2\n',
    );
    expect(stdout).toContain('guessed     an image of 2 x 3 patches from its sin-cos positions\n');
    expect(stdout).toContain('F32   [48, 16]             blocks.1.attn.qkv.weight\n');
    expect(stdout).toContain(`\n50 tensors, ${maeParameters(config).total} parameters in `);
  });

  it('shows weights of other models, and what a .pth says beside them', async (context) => {
    await writeSafetensors(at('other.safetensors'), {
      a: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) },
    });
    const { stdout } = await maehem('info', at('other.safetensors'));
    expect(stdout).toContain('none that is known here: its names are of no vision transformer');
    expect(stdout).toContain('1 tensors, 2 parameters');
    const parity = sharedFolder('parity');
    if (parity === undefined) return context.skip('no ../shared/parity beside the checkout');
    const told = await maehem('info', join(parity, 'mae_a.pth'));
    expect(told.stdout).toContain('format      torch zip');
    expect(told.stdout).toContain('heads unknown (--heads)');
    expect(told.stdout).toContain('epoch       7');
  });
});

describe('maehem convert', () => {
  it('goes to every format and comes back, bit by bit', async () => {
    await maehem('convert', at('mae.safetensors'), at('mae.pth'), ...HEADS);
    await maehem('convert', at('mae.pth'), at('hf'));
    await maehem('convert', at('hf'), at('back.safetensors'));
    const [first, last] = await Promise.all(
      ['mae', 'back'].map(async (name) => (await readSafetensors(at(`${name}.safetensors`))).tensors),
    );
    expect(last).toEqual(first);
    const timm = await maehem('convert', at('hf'), at('timm'), '--to', 'timm');
    expect(timm.stderr).toContain('left out, for timm has no place for it: ');
    expect(timm.stdout).toBe(`${at('timm/model.safetensors')}\n${at('timm/config.json')}\n`);
    expect((await openModel(at('timm'), { heads: 2 })).architecture.kind).toBe('encoder');
  });

  it('interpolates positions', async () => {
    const { stderr } = await maehem('convert', at('hf'), at('large'), '--resize', '32x16');
    expect(stderr).toBe(
      'pos_embed interpolated from 2x3 to 4x2 patches\ndecoder_pos_embed interpolated from 2x3 to 4x2 patches\n',
    );
    expect(JSON.parse(await readFile(at('large/config.json'), 'utf8')).image_size).toEqual([32, 16]);
    const model = await openModel(at('large'));
    expect(model.tensors['decoder_pos_embed']!.shape).toEqual([1, 9, 8]);
    await model.close();
  });

  it('says what it needs to know', async () => {
    await expect(maehem('convert', at('mae.safetensors'), at('mae.onnx'))).rejects.toThrow(
      'its tensors do not tell the number of heads (--heads): give it',
    );
    await expect(maehem('convert', at('hf'), at('x.txt'))).rejects.toThrow('say --to safetensors');
    await expect(maehem('convert', at('missing'), at('x.pth'))).rejects.toThrow(
      'missing: no such file or folder',
    );
  });

  it('makes an ONNX encoder that onnxruntime runs as we do, any batch', async (context) => {
    if (ort === undefined) return context.skip('onnxruntime-node is not installed');
    await maehem('convert', at('mae.safetensors'), at('js'), '--to', 'onnx', ...HEADS);
    const session = await ort.InferenceSession.create(at('js/onnx/model.onnx'));
    const model = await openModel(at('mae.safetensors'), { heads: 2, decoderHeads: 2 });
    const shape = vitConfigOf(model);
    const { params } = await loadPretrained<MaeEncoder>(initMae(seed(0), config), model, shape);
    for (const batch of [1, 3]) {
      const pixels = normal(fold(seed(1), batch), batch * 3 * 16 * 24);
      const feeds = { pixel_values: new ort.Tensor('float32', pixels, [batch, 3, 16, 24]) };
      const { last_hidden_state: theirs } = await session.run(feeds);
      const ours = tf.tidy(() => {
        const images = tf.transpose(tf.tensor4d(pixels, [batch, 3, 16, 24]), [0, 2, 3, 1]) as tf.Tensor4D;
        return encode(params, patchify(images, shape.patchSize), shape);
      });
      expect(theirs!.dims).toEqual(ours.shape);
      await expectClose(theirs!.data as Float32Array, ours, 1e-4);
      ours.dispose();
    }
    dispose(params);
    await model.close();
    await session.release();
  });
});

describe('published weights', () => {
  const images = (): string => at('images');
  const encoder = (): string => at('timm/model.safetensors');
  /** Two steps of two images. */
  const SHORT = ['--batch', '2', '--epochs', '1', '--warmup-epochs', '0', '--backend', 'cpu'];

  beforeAll(async () => {
    await mkdir(images());
    for (let i = 0; i < 4; i++) {
      const data = Uint8ClampedArray.from(bits(fold(seed(9), i), 24 * 24 * 4), (word, at) =>
        at % 4 === 3 ? 255 : word,
      );
      await writeFile(join(images(), `${i}.png`), encodePng({ width: 24, height: 24, data }));
    }
    await maehem('convert', at('mae.safetensors'), encoder(), '--to', 'timm', ...HEADS);
    await maehem('convert', at('mae.safetensors'), at('full.pth'), ...HEADS);
  });

  it('without a decoder are pretrained further with a fresh one, at another image size', async () => {
    const told = await maehem(
      ...['pretrain', images(), '--from', encoder(), '--out', at('run'), '--image-size', '24', ...SHORT],
      ...['--decoder-dim', '8', '--decoder-depth', '1', '--decoder-heads', '2'],
    );
    expect(told.stderr).toContain('pos_embed interpolated from 2x3 to 3x3 patches');
    expect(told.stderr).toContain('not in it, so they start fresh: decoder_embed (2), mask_token');
    const { architecture, close } = await openModel(told.stdout.trim());
    expect(architecture).toMatchObject({
      dim: 16,
      imageSize: [24, 24],
      decoder: { dim: 8, depth: 1, heads: 2 },
    });
    await close();
    await expect(
      maehem('pretrain', images(), '--from', encoder(), '--out', at('other'), '--dim', '32', ...SHORT),
    ).rejects.toThrow('model.dim: those of');
  });

  it('with a decoder go on as they are, and reconstruct', async () => {
    const { stderr } = await maehem(
      'pretrain',
      images(),
      '--from',
      at('full.pth'),
      '--out',
      at('further'),
      ...SHORT,
    );
    expect(stderr).toContain('50 tensors from');
    expect(stderr).not.toContain('start fresh');
    const { stdout } = await maehem(
      ...[
        'reconstruct',
        at('full.pth'),
        images(),
        '--out',
        at('mosaic.png'),
        '--count',
        '2',
        '--backend',
        'cpu',
      ],
    );
    expect(stdout).toBe(`${at('mosaic.png')}\n`);
  });

  it('without a decoder cannot reconstruct, and say why', async () => {
    await expect(maehem('reconstruct', encoder(), images(), '--backend', 'cpu', ...HEADS)).rejects.toThrow(
      'holds an encoder without a decoder, as most published checkpoints do: it can be fine-tuned',
    );
    await expect(maehem('reconstruct', at('full.pth'), '--backend', 'cpu')).rejects.toThrow(
      'name a folder of images',
    );
  });
});
