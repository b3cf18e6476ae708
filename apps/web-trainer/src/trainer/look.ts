import { dispose, tidy } from '@maehem/backend';
import { type Dataset, normalisedImages, normalisedValues, subset, toChannels } from '@maehem/data';
import { encodeAll, encoderAttention, initMae, type MaeEncoder } from '@maehem/mae';
import { patchGrid, patchify } from '@maehem/patches';
import { fold, type Key, permutation } from '@maehem/random';
import { evaluationImages, pretrainConfig } from '@maehem/settings';
import { extractFeatures, type Features, linearProbe, poolFeatures, runKeys } from '@maehem/train';
import { pcaColours, type RgbaImage, toRgba } from '@maehem/viz';
import * as tf from '@tensorflow/tfjs-core';
import { shown, spread } from '../data/pictures.js';
import { pixelFormat } from './guess.js';
import type { AttentionLook, NeighbourLook, PcaLook, PictureChoice, ProbeLook } from './protocol.js';
import type { Run } from './run.js';

/** Pictures that neighbours are looked for among, and images of a probe: what one can wait for. */
const GALLERY = 1000;
const PROBE_TRAIN = 2000;
const PROBE_TEST = 1000;
const FEATURE_BATCH = 50;

/** A picture as the model takes it: [1, height, width, channel], normalised. */
export async function choose(run: Run, picture: PictureChoice): Promise<Float32Array> {
  const transform = evaluationImages(run.settings);
  const { channels } = pretrainConfig(run.settings).model;
  const image =
    'image' in picture
      ? { ...picture.image, channels: 3 }
      : await run.pictures.heldOut.get(picture.heldOut % run.pictures.heldOut.length);
  const key = runKeys(pretrainConfig(run.settings)).data;
  return normalisedValues(transform(toChannels(image, channels as 1 | 3), key));
}

/** Where the heads of a block look. */
export async function attentionOf(run: Run, picture: PictureChoice, block: number): Promise<AttentionLook> {
  const { model } = pretrainConfig(run.settings);
  const image = await choose(run, picture);
  const maps = await run.between(async () => {
    const tensor = tf.tidy(() => encoderAttention(run.params(), patchesOf(run, image, 1), model, block));
    const values = (await tensor.data()) as Float32Array;
    tensor.dispose();
    return values.slice();
  });
  const { tokens } = patchGrid(...model.imageSize, model.patchSize);
  return { original: toRgba(image, pixelFormat(run.settings)), heads: model.heads, tokens, maps };
}

/** Patch features of a few held-out pictures in common colours. */
export async function patchColours(run: Run, count: number): Promise<PcaLook> {
  const { model } = pretrainConfig(run.settings);
  const { rows, columns, tokens } = patchGrid(...model.imageSize, model.patchSize);
  for await (const batch of shown(spread(run.pictures.heldOut, count), run.settings, count)) {
    const { shape } = batch;
    const images = normalisedImages(batch, model.channels);
    const features = await run.between(async () => {
      const tensor = tf.tidy(() => encodeAll(run.params(), patchesOf(run, images, shape[0]), model).tokens);
      const values = (await tensor.data()) as Float32Array;
      tensor.dispose();
      return values.slice();
    });
    const { colours, explained } = pcaColours(features, model.dim);
    return {
      originals: each(shape[0], (at) => toRgba(imageAt(images, shape[0], at), pixelFormat(run.settings))),
      colours: each(shape[0], (at) =>
        opaque(colours.subarray(at * tokens * 3, (at + 1) * tokens * 3), columns, rows),
      ),
      explained,
    };
  }
  throw new Error('there is no picture to look at');
}

/** The held-out pictures whose features point the same way. */
export async function nearest(run: Run, picture: PictureChoice, count: number): Promise<NeighbourLook> {
  const { model } = pretrainConfig(run.settings);
  const image = await choose(run, picture);
  const gallery = spread(run.pictures.heldOut, GALLERY);
  const { query, features } = await run.between(async () => {
    const pooled = tidy(() => poolFeatures(run.params(), model, patchesOf(run, image, 1), 'mean'));
    const query = (await pooled.data()) as Float32Array;
    pooled.dispose();
    return { query, features: await featuresOf(run, run.params(), gallery) };
  });
  const similarities = each(features.length, (at) =>
    cosine(query, features.values.subarray(at * features.dim, (at + 1) * features.dim)),
  );
  const order = each(features.length, (at) => at).sort((a, b) => similarities[b]! - similarities[a]!);
  // The picture itself is no neighbour.
  const others = order.filter((at) => similarities[at]! < 1 - 1e-6).slice(0, count);
  const format = pixelFormat(run.settings);
  const neighbours = await Promise.all(
    others.map(async (at) => {
      const sample = await gallery.get(at);
      const pixels = evaluationImages(run.settings)(
        toChannels(sample, model.channels as 1 | 3),
        runKeys(pretrainConfig(run.settings)).data,
      );
      const label = sample.label === undefined ? undefined : gallery.classes?.[sample.label];
      return { image: toRgba(normalisedValues(pixels), format), similarity: similarities[at]!, label };
    }),
  );
  return { original: toRgba(image, format), neighbours, searched: features.length };
}

/** A linear classifier on the encoder as it is now, and on one that learned nothing. */
export async function probeRun(run: Run): Promise<ProbeLook> {
  const config = pretrainConfig(run.settings);
  const { train, heldOut } = run.pictures;
  const classes = train.classes?.length ?? 0;
  if (classes < 2 || train === heldOut)
    throw new Error('a probe needs labels: bring pictures in a folder a class, at least 16 of them');
  const key = runKeys(config).probe;
  const sets = [
    draw(train, PROBE_TRAIN, fold(key, 'train')),
    draw(heldOut, PROBE_TEST, fold(key, 'test')),
  ] as const;
  return run.between(async () => {
    const probe = async (encoder: MaeEncoder): Promise<number> => {
      const [fit, test] = [await featuresOf(run, encoder, sets[0]), await featuresOf(run, encoder, sets[1])];
      return (await linearProbe(fit, test, { classes })).accuracy;
    };
    const accuracy = await probe(run.params());
    const fresh = initMae(runKeys(config).init, config.model);
    const untrained = await probe(fresh);
    dispose(fresh);
    return { accuracy, untrained, trainImages: sets[0].length, testImages: sets[1].length, classes };
  });
}

function featuresOf(run: Run, encoder: MaeEncoder, dataset: Dataset): Promise<Features> {
  const { model } = pretrainConfig(run.settings);
  return extractFeatures(encoder, model, shown(dataset, run.settings, FEATURE_BATCH), 'mean');
}

function draw(dataset: Dataset, count: number, key: Key): Dataset {
  return dataset.length <= count
    ? dataset
    : subset(dataset, permutation(key, dataset.length).slice(0, count));
}

function patchesOf(run: Run, images: Float32Array, count: number): tf.Tensor3D {
  const { imageSize, channels, patchSize } = pretrainConfig(run.settings).model;
  return patchify(tf.tensor4d(images, [count, ...imageSize, channels]), patchSize);
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    squareA += a[i]! ** 2;
    squareB += b[i]! ** 2;
  }
  return product / Math.sqrt(squareA * squareB || 1);
}

function imageAt(images: Float32Array, count: number, at: number): Float32Array {
  const size = images.length / count;
  return images.subarray(at * size, (at + 1) * size);
}

/** RGB to RGBA, a pixel a patch. */
function opaque(colours: Uint8ClampedArray, width: number, height: number): RgbaImage {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++)
    data.set(colours.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
  return { width, height, data };
}

function each<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
