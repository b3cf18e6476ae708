import { fold, type Key, normal, permutation, seed } from '@maehem/random';
import { describeOnEveryBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type Features, knnProbe, larsProbe, linearProbe, type ProbeResult } from '../index.js';
import { lbfgs } from './lbfgs.js';

const key = fold(seed(1), 'probe');
const CLASSES = 4;
const DIM = 8;

/**
 * Clouds around the class's own axis, far from the origin and on another scale for every feature: separable
 * by planes, but only once the features are standardised.
 */
function clouds(name: string, length: number): Required<Features> {
  const noise = normal(fold(key, name), length * DIM);
  const labels = Int32Array.from({ length }, (_, sample) => sample % CLASSES);
  const values = noise.map((value, i) => {
    const feature = i % DIM;
    const centre = feature === labels[Math.floor(i / DIM)] ? 6 : 0;
    return (value + centre + 100) * 10 ** (feature - 4);
  });
  return { values, dim: DIM, length, labels };
}

/** The same features with their labels in another order. */
function shuffled(features: Required<Features>, shuffleKey: Key): Required<Features> {
  const order = permutation(shuffleKey, features.length);
  return { ...features, labels: Int32Array.from(order, (sample) => features.labels[sample]!) };
}

const train = clouds('train', 400);
const test = clouds('test', 400);
type Sets = [train: Features, test: Features];
const PROBES: readonly (readonly [string, (...sets: Sets) => Promise<ProbeResult>])[] = [
  ['linear probe', (a, b) => linearProbe(a, b, { classes: CLASSES })],
  [
    'LARS probe',
    (a, b) =>
      larsProbe(() => a, b, { classes: CLASSES, key, epochs: 60, batch: 50, baseLr: 20, warmupEpochs: 2 }),
  ],
];

describeOnEveryBackend('probes', (backend) => {
  const slow = backend === 'webgpu' && 'hundreds of steps take a software GPU a minute; other engines run it';

  it.for(PROBES)(
    '%s finds planes between classes, on images that it has not seen',
    async ([_name, probe], context) => {
      if (slow) context.skip(slow);
      const before = tf.memory().numTensors;
      const { accuracy, trainAccuracy, loss } = await probe(train, test);
      expect(accuracy).toBeGreaterThan(0.95);
      expect(trainAccuracy).toBeGreaterThan(0.95);
      expect(loss).toBeLessThan(0.3);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it.for(PROBES)('%s stays at chance when labels say nothing', async ([_name, probe], context) => {
    if (slow) context.skip(slow);
    const noise = (set: Required<Features>, name: string) => shuffled(set, fold(key, name));
    const { accuracy, loss } = await probe(noise(train, 'a'), noise(test, 'b'));
    // The deviation of 400 fair draws is 0.022.
    expect(Math.abs(accuracy - 1 / CLASSES)).toBeLessThan(0.08);
    expect(loss).toBeGreaterThan(1.2);
  });

  it.each(PROBES)('%s says what is wrong with its input, and leaves no tensor', async (_name, probe) => {
    const before = tf.memory().numTensors;
    const { labels: _labels, ...unlabelled } = train;
    const empty = clouds('empty', 0);
    await expect(probe(unlabelled, test)).rejects.toThrow('a probe needs labelled images');
    await expect(probe(train, { ...unlabelled })).rejects.toThrow('a probe needs labelled images');
    await expect(probe(empty, test)).rejects.toThrow('a probe needs training and test images');
    await expect(probe(train, empty)).rejects.toThrow('a probe needs training and test images');
    const strange = { ...test, labels: test.labels.with(7, CLASSES) };
    for (const [a, b] of [
      [strange, test],
      [train, strange],
    ] as const)
      await expect(probe(a, b)).rejects.toThrow('label 4 of sample 7 is not one of 4 classes');
    const wide = { ...test, dim: DIM * 2, length: test.length / 2, labels: test.labels.slice(0, 200) };
    await expect(probe(train, wide)).rejects.toThrow('got 8 for training and 16 for testing');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('by LARS are a function of the key, and take new features each epoch', async () => {
    const options = { classes: CLASSES, epochs: 3, batch: 100, key };
    const first = await larsProbe(() => train, test, options);
    expect(await larsProbe(() => train, test, options)).toEqual(first);
    const asked: number[] = [];
    const other = await larsProbe(
      (epoch) => {
        asked.push(epoch);
        return clouds(`epoch ${epoch}`, 400);
      },
      test,
      options,
    );
    expect(asked).toEqual([0, 1, 2]);
    expect(other.loss).not.toBe(first.loss);
  });

  it('by neighbours let the nearest vote, whatever the length of a feature', async () => {
    const before = tf.memory().numTensors;
    // Two directions, of any length.
    const ray = (length: number): Required<Features> => {
      const labels = Int32Array.from({ length }, (_, i) => i % 2);
      const noise = normal(fold(key, `ray ${length}`), length * 2, 0, 0.2);
      const values = noise.map((value, i) => (value + (i % 2 === labels[i >> 1] ? 1 : 0)) * (1 + (i >> 1)));
      return { values, dim: 2, length, labels };
    };
    const results = await knnProbe(ray(150), ray(130), { classes: 2, k: [1, 20, 1000] });
    expect(results.map(({ k }) => k)).toEqual([1, 20, 1000]);
    for (const { accuracy } of results) expect(accuracy).toBeGreaterThan(0.95);
    const small = {
      values: Float32Array.of(1, 0, 0.9, 0.1, 0, 1),
      dim: 2,
      length: 3,
      labels: Int32Array.of(0, 1, 1),
    };
    const one = { values: Float32Array.of(5, 0), dim: 2, length: 1, labels: Int32Array.of(0) };
    // The nearest says 0, the next two say 1: at a low temperature the nearest wins, at a high one the many.
    const vote = async (temperature: number) =>
      (await knnProbe(small, one, { classes: 2, k: [3], temperature }))[0]!.accuracy;
    expect([await vote(0.001), await vote(10)]).toEqual([1, 0]);
    await expect(knnProbe(small, one, { classes: 2, k: [0] })).rejects.toThrow('at least 1, got 0');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('L-BFGS', () => {
  it("finds the minimum of Rosenbrock's valley", async () => {
    const valley = async (at: Float64Array) => {
      const [x, y] = at as unknown as [number, number];
      const gradient = Float64Array.of(-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x));
      return { value: (1 - x) ** 2 + 100 * (y - x * x) ** 2, gradient };
    };
    const [x, y] = await lbfgs(valley, Float64Array.of(-1.2, 1), { iterations: 100, tolerance: 1e-8 });
    expect(x).toBeCloseTo(1, 6);
    expect(y).toBeCloseTo(1, 6);
  });
});
