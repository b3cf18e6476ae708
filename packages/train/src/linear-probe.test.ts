import { fold, type Key, normal, permutation, seed } from '@maehem/random';
import { describeOnEveryBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { type Features, linearProbe } from './index.js';

const key = fold(seed(1), 'probe');
const CLASSES = 4;
const DIM = 8;
const EPOCHS = 15;

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
const options = { classes: CLASSES, epochs: EPOCHS, batch: 64, lr: 0.05, key };

describeOnEveryBackend('linear probe', () => {
  it('finds planes between classes, on images that it has not seen', async () => {
    const before = tf.memory().numTensors;
    const { accuracy, trainAccuracy, loss } = await linearProbe(train, test, options);
    expect(accuracy).toBeGreaterThan(0.95);
    expect(trainAccuracy).toBeGreaterThan(0.95);
    expect(loss).toBeLessThan(0.2);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stays at chance when labels say nothing', async () => {
    const noise = (set: Required<Features>, name: string) => shuffled(set, fold(key, name));
    const { accuracy, loss } = await linearProbe(noise(train, 'a'), noise(test, 'b'), options);
    // The deviation of 400 fair draws is 0.022.
    expect(Math.abs(accuracy - 1 / CLASSES)).toBeLessThan(0.07);
    expect(loss).toBeGreaterThan(1.2);
  });

  it('is a function of the key', async () => {
    const short = { ...options, epochs: 2 };
    const first = await linearProbe(train, test, short);
    expect(await linearProbe(train, test, short)).toEqual(first);
    expect((await linearProbe(train, test, { ...short, key: fold(key, 'other') })).loss).not.toBe(first.loss);
  });

  it('takes fewer images than a batch', async () => {
    const few = clouds('few', 20);
    expect((await linearProbe(few, test, { ...options, epochs: 100 })).accuracy).toBeGreaterThan(0.8);
  });

  it('says what is wrong with its input, and leaves no tensor', async () => {
    const before = tf.memory().numTensors;
    const { labels: _labels, ...unlabelled } = train;
    const empty = clouds('empty', 0);
    const probe = (a: Features, b: Features) => linearProbe(a, b, options);
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
});
