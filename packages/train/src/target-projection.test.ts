import { dispose } from '@maehem/backend';
import { smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { createPretraining, patchesOf, pretrainDefaults, uploadBatch } from './index.js';
import { lowPassProjection, pcaProjection } from './target-projection.js';

function apply(matrix: Float32Array, vector: readonly number[]): number[] {
  return vector.map((_, row) =>
    vector.reduce((sum, value, i) => sum + matrix[row * vector.length + i]! * value, 0),
  );
}

describe('a low-pass target', () => {
  const shape = { patchSize: [4, 4], channels: 3 } as const;
  const matrix = lowPassProjection(shape);

  it('keeps flat patches and slow waves, and drops fast ones; twice is once', () => {
    const patch = (value: (y: number, x: number, channel: number) => number) =>
      Array.from({ length: 48 }, (_, i) => value(Math.floor(i / 12), Math.floor(i / 3) % 4, i % 3));
    const flat = patch((_y, _x, channel) => channel + 1);
    apply(matrix, flat).forEach((value, i) => {
      expect(value).toBeCloseTo(flat[i]!, 5);
    });
    const chequered = patch((y, x) => ((x + y) % 2 === 0 ? 1 : -1));
    const energy = (values: number[]) => values.reduce((sum, value) => sum + value * value, 0);
    expect(energy(apply(matrix, chequered))).toBeLessThan(1e-6);
    const noise = [...normal(seed(1), 48)];
    const once = apply(matrix, noise);
    apply(matrix, once).forEach((value, i) => {
      expect(value).toBeCloseTo(once[i]!, 5);
    });
    // The trace of a projection is its rank: 2 of 16 frequencies, 3 channels.
    expect(Array.from({ length: 48 }, (_, i) => matrix[i * 49]!).reduce((a, b) => a + b)).toBeCloseTo(6, 5);
  });
});

describe('a target of principal components', () => {
  it('is the space in which patches vary most', () => {
    // 16 values; two directions have nearly all of the variance.
    const along = [normal(fold(seed(2), 'a'), 16), normal(fold(seed(2), 'b'), 16)];
    const draws = normal(seed(3), 300 * 2);
    const noise = normal(seed(4), 300 * 16, 0, 0.01);
    const patches = noise.map((value, i) => {
      const patch = Math.floor(i / 16);
      return value + 3 * draws[2 * patch]! * along[0]![i % 16]! + draws[2 * patch + 1]! * along[1]![i % 16]!;
    });
    const matrix = pcaProjection(patches, 16);
    for (const direction of along) {
      const projected = apply(matrix, [...direction]);
      projected.forEach((value, i) => {
        expect(Math.abs(value - direction[i]!)).toBeLessThan(0.02);
      });
    }
    expect(Array.from({ length: 16 }, (_, i) => matrix[i * 17]!).reduce((a, b) => a + b)).toBeCloseTo(2, 5);
    expect(() => pcaProjection(new Float32Array(32), 16)).toThrow('need more than as many patches, got 2');
  });
});

describeOnEveryBackend('pretraining on a reduced target', () => {
  const model = smallMaePreset('small', {
    ...{ imageSize: [8, 8], dim: 12, depth: 1, heads: 1, decoderDim: 8, decoderDepth: 1, decoderHeads: 1 },
  });
  const images = normal(seed(5), 2 * 8 * 8 * 3);

  it('hands patches times the projection to the loss', async () => {
    const config = pretrainDefaults(model, { batch: 2, epochs: 1, target: 'low-pass', normPix: false });
    const batch = uploadBatch(config, { images }, 0, lowPassProjection(model));
    const patches = await patchesOf(batch, model).data();
    const expected = apply(lowPassProjection(model), [...patches.subarray(0, 48)]);
    await expectClose((await batch.target!.data()).subarray(0, 48), expected, 1e-5);
    dispose(batch);
    async function* one() {
      yield { images };
    }
    const losses: number[] = [];
    for (const target of ['low-pass', 'pixels'] as const) {
      const run = createPretraining({ ...config, target }, 1);
      for await (const { loss } of run.steps(one)) losses.push(loss);
      run.dispose();
    }
    expect(losses[0]).not.toBe(losses[1]);
    expect(() => createPretraining({ ...config, target: 'pca' }, 1)).toThrow('principal components');
  });
});
