import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { difference, sharedFolder } from '@maehem/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  interpolatePositionEmbedding,
  maskingFromNoise,
  patchifyArray,
  sinCosPositionEmbedding,
  unpatchifyArray,
} from './index.js';

/** Figures of the reference implementation; see their README. Users don't have them. */
const parity = sharedFolder('parity');

interface Golden {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** The tensors of a safetensors file, just enough for float32 and int32. */
function readGoldens(file: string): Map<string, Golden> {
  const bytes = new Uint8Array(readFileSync(join(parity!, file)));
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => {
          const buffer = bytes.slice(start + from, start + to).buffer;
          return [name, { shape, data: dtype === 'I32' ? new Int32Array(buffer) : new Float32Array(buffer) }];
        },
      ),
  );
}

/** [batch, channel, height, width] → [batch, height, width, channel] */
function channelsLast({ shape, data }: Golden): Float32Array {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  const pixels = height * width;
  for (let sample = 0; sample < batch; sample++)
    for (let channel = 0; channel < channels; channel++)
      for (let pixel = 0; pixel < pixels; pixel++)
        out[(sample * pixels + pixel) * channels + channel] =
          data[(sample * channels + channel) * pixels + pixel]!;
  return out;
}

describe('figures of the reference', () => {
  beforeEach((context) => {
    if (parity === undefined || !existsSync(parity)) context.skip('no ../shared/parity beside the checkout');
  });

  it.for([
    [32, 4],
    [48, 6],
    [768, 14],
  ] as const)('sin-cos position embedding, width %i, grid %i', ([dim, side]) => {
    const goldens = readGoldens('pieces.safetensors');
    for (const classToken of [false, true]) {
      const golden = goldens.get(`sincos.d${dim}.g${side}.cls${classToken ? 1 : 0}`)!;
      const ours = sinCosPositionEmbedding({ dim, grid: [side, side], classToken });
      expect(golden.shape).toEqual([ours.length / dim, dim]);
      expect(difference(ours, golden.data).absolute).toBeLessThan(1e-7);
    }
  });

  it.for([
    [4, 6],
    [6, 4],
    [14, 24],
  ] as const)('interpolation from grid %i to %i', ([from, to]) => {
    const goldens = readGoldens('pieces.safetensors');
    const source = goldens.get(`interp.${from}to${to}.src`)!;
    const golden = goldens.get(`interp.${from}to${to}.dst`)!;
    const ours = interpolatePositionEmbedding(
      source.data as Float32Array,
      source.shape[2]!,
      [from, from],
      [to, to],
    );
    expect(golden.shape).toEqual([1, ours.length / 16, 16]);
    // PyTorch computes the places in float32.
    expect(difference(ours, golden.data).absolute).toBeLessThan(1e-5);
  });

  it.for(['mae_a', 'mae_b'])('%s: masks and patches', (name) => {
    const config = JSON.parse(readFileSync(join(parity!, `${name}.json`), 'utf8'));
    const goldens = readGoldens(`${name}.io.safetensors`);
    const noise = goldens.get('noise')!;
    const [batch, tokens] = noise.shape as [number, number];
    const plan = maskingFromNoise(noise.data as Float32Array, { batch, tokens, ratio: config.mask_ratio });
    expect(plan.mask).toEqual(goldens.get('mask')!.data);
    expect(plan.idsRestore).toEqual(goldens.get('ids_restore')!.data);

    const shape = [batch, config.img_size, config.img_size, config.in_chans] as const;
    const patches = patchifyArray(channelsLast(goldens.get('imgs')!), shape, config.patch_size);
    expect(patches).toEqual(goldens.get('patches')!.data);
    const images = unpatchifyArray(goldens.get('pred')!.data as Float32Array, shape, config.patch_size);
    expect(images).toEqual(channelsLast(goldens.get('unpatchified_pred')!));
  });
});
