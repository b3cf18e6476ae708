import { openBackend, tidy } from '@maehem/backend';
import { seed } from '@maehem/random';
import { entries } from '@maehem/tree';
import type * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { classifierShapes, initClassifier } from './index.js';

it.each(['mean', 'class'] as const)(
  'a classifier with %s pooling has the shapes that are told',
  async (pooling) => {
    await openBackend('cpu');
    const config = {
      ...({ imageSize: [8, 12], patchSize: [4, 4], channels: 1, dim: 8, depth: 2, heads: 2 } as const),
      ...{ mlpRatio: 2, classes: 3, pooling },
    };
    tidy(() => {
      const params = initClassifier(seed(0), config);
      const shapes = entries<tf.Tensor>(params).map(([path, { shape }]) => [path, { shape }] as const);
      expect(Object.entries(classifierShapes(config))).toEqual(shapes);
      return undefined;
    });
  },
);
