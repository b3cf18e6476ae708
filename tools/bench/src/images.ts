import { dispose, openBackend } from '@maehem/backend';
import {
  type Batch,
  type ByteImage,
  batches,
  type Dataset,
  normaliser,
  packedDataset,
  type Transform,
  trainTransform,
} from '@maehem/data';
import type { MaeConfig } from '@maehem/mae';
import { fold, type Key, seed as rootKey, uniform } from '@maehem/random';
import { createPretraining, patchesOf, pretrainDefaults, uploadImages } from '@maehem/train';
import { CONFIGS, type ConfigName } from './configs.js';
import { describeMachine, type Machine } from './machine.js';
import type { Engine } from './peer.js';
import { median } from './step.js';

export interface ImagesOptions {
  readonly engine: Engine;
  readonly config: ConfigName;
  readonly batch: number;
  readonly runs: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** Processor time of the whole process, in ms: what other programs do meanwhile hardly shows in it. */
export interface ImagesTimes {
  readonly best: number;
  readonly median: number;
}

/** What images cost that are normalised on the device (`bytes`), or on the host (`numbers`). */
interface ImagesCost {
  readonly kind: 'bytes' | 'numbers';
  /** What is uploaded for a step: images, and what their bytes stand for. */
  readonly uploadedBytes: number;
  /** From pictures to patches: crops, flips, gathering, upload, patchify. */
  readonly data: ImagesTimes;
  /** Whole training steps, their images included; only of small models. */
  readonly step?: ImagesTimes;
}

export interface ImagesReport extends Engine {
  readonly config: ConfigName;
  readonly batch: number;
  readonly machine: Machine;
  readonly costs: readonly ImagesCost[];
}

const KINDS = ['bytes', 'numbers'] as const;
const WARM_UP = 3;
/** Steps of models for larger images take minutes on a CPU. */
const MOST_PIXELS = 64;

/** The way of pictures from a decoder to patches on the device, as bytes and as numbers, turn by turn. */
export async function benchImages(options: ImagesOptions): Promise<ImagesReport> {
  const { engine, config, batch, log } = options;
  await openBackend(engine.backend, { precision: engine.precision });
  const model = CONFIGS[config];
  const key = fold(rootKey(options.seed), 'images');
  const dataset = pictures(key, model, 2 * batch);
  const epochs = KINDS.map((kind) => epochsOf(dataset, batch, key, imagesAs(kind, model)));
  const data = await interleaved(
    options,
    epochs.map((epoch) => dataPath(epoch, model, batch)),
  );
  log('from pictures to patches: done');
  const small = Math.max(...model.imageSize) <= MOST_PIXELS;
  const step = small
    ? await interleaved(
        options,
        epochs.map((epoch) => steps(epoch, model, options)),
      )
    : [];
  const count = batch * model.imageSize[0] * model.imageSize[1] * model.channels;
  const uploaded = { bytes: count + 4 * 256 * model.channels, numbers: 4 * count };
  const costs = KINDS.map((kind, i) => {
    return { kind, uploadedBytes: uploaded[kind], data: data[i]!, ...(step[i] && { step: step[i] }) };
  });
  return { ...engine, config, batch, machine: describeMachine(), costs };
}

/** Noise, a seventh larger than the model's images. */
function pictures(key: Key, { imageSize, channels }: MaeConfig, count: number): Dataset {
  const [height, width] = imageSize.map((side) => Math.round((side * 8) / 7)) as [number, number];
  const pixels = Uint8Array.from(uniform(key, count * height * width * channels, 0, 256));
  return packedDataset({ name: 'noise', height, width, channels, pixels });
}

function imagesAs(kind: ImagesCost['kind'], { imageSize, channels }: MaeConfig): Transform {
  const form = { size: imageSize, channels: channels as 1 | 3, normalisation: 'imagenet' } as const;
  const bytes = trainTransform(form);
  const normalise = normaliser(form.normalisation, channels);
  return kind === 'bytes' ? bytes : (image, key) => normalise(bytes(image, key) as ByteImage);
}

type Epoch = (epoch: number, startBatch: number) => AsyncGenerator<Batch, void, void>;

/** Nothing is read ahead: all work is done, and timed, where it is asked for. */
function epochsOf(dataset: Dataset, batch: number, key: Key, transform: Transform): Epoch {
  return (epoch, startBatch) => batches(dataset, { batch, key, epoch, startBatch, transform, prefetch: 0 });
}

/** One thing to be timed, again and again. */
interface Work {
  run(): Promise<void>;
  end(): Promise<void>;
}

function dataPath(epochs: Epoch, model: MaeConfig, batch: number): Work {
  let epoch = 0;
  return {
    run: async () => {
      const { value } = await epochs(epoch++, 0).next();
      const images = uploadImages(value!, model, batch);
      const patches = patchesOf(images, model);
      dispose(images);
      patches.dispose();
    },
    end: async () => undefined,
  };
}

function steps(epochs: Epoch, model: MaeConfig, { batch, seed }: ImagesOptions): Work {
  const run = createPretraining(pretrainDefaults(model, { batch, seed, epochs: 1000 }), 2);
  const iterator = run.steps(epochs);
  return {
    run: async () => void (await iterator.next()),
    end: async () => {
      await iterator.return();
      run.dispose();
    },
  };
}

async function interleaved({ runs }: ImagesOptions, works: readonly Work[]): Promise<ImagesTimes[]> {
  const times = works.map((): number[] => []);
  for (let turn = 0; turn < WARM_UP + runs; turn++)
    for (const [i, work] of works.entries()) {
      const begin = process.cpuUsage();
      await work.run();
      const { user, system } = process.cpuUsage(begin);
      if (turn >= WARM_UP) times[i]!.push((user + system) / 1000);
    }
  for (const work of works) await work.end();
  return times.map((all) => ({ best: Math.min(...all), median: median(all) }));
}
