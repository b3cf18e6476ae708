import { dispose } from '@maehem/backend';
import { batches } from '@maehem/data';
import { initMae, type MaeEncoder } from '@maehem/mae';
import { fold } from '@maehem/random';
import { type PretrainSettings, type ProbeMethod, trainingImages } from '@maehem/settings';
import {
  extractFeatures,
  type FeaturePooling,
  type Features,
  type KnnResult,
  knnProbe,
  type LarsProbeOptions,
  larsProbe,
  linearProbe,
  type PretrainConfig,
  type ProbeResult,
  runKeys,
} from '@maehem/train';
import { evaluationBatches } from './data-source.js';
import { openLabelled } from './labelled-images.js';

/** What to probe with. */
export interface ProbeOptions {
  readonly settings: Pick<PretrainSettings, 'data' | 'dataKind'> & PretrainSettings;
  readonly config: PretrainConfig;
  readonly pooling: FeaturePooling;
  /** At most so many labelled training and test images, drawn from the seed; `null` for all. */
  readonly trainImages: number | null;
  readonly testImages: number | null;
  readonly methods: readonly ProbeMethod[];
  /** Of the LARS probe. */
  readonly lars?: Partial<Omit<LarsProbeOptions, 'classes' | 'key'>> & {
    /** New crops and flips each epoch, as in the paper; the encoder then runs over all images each epoch. */
    readonly augment?: boolean;
  };
  /** Of the nearest neighbours. */
  readonly k?: readonly number[];
  readonly temperature?: number;
}

/** What the chosen methods found, by their names. */
export interface ProbeFigures {
  readonly linear?: ProbeResult;
  readonly lars?: ProbeResult;
  readonly knn?: readonly KnnResult[];
}

/** Probes one encoder with all chosen methods. */
export type Probe = (encoder: MaeEncoder) => Promise<ProbeFigures>;

/** Images in one forward pass of feature extraction. */
const FEATURE_BATCH = 100;

/** Open both splits, and return a probe that treats every encoder alike. @throws when images have no labels. */
export async function openProbe(options: ProbeOptions): Promise<Probe> {
  const { settings, config, pooling, methods } = options;
  const key = runKeys(config).probe;
  const { train, test, classes } = await openLabelled(settings, options, key);
  const { augment = false, ...lars } = options.lars ?? {};
  const count = { classes: classes.length };
  return async (encoder) => {
    const of = (images: Parameters<typeof extractFeatures>[2]): Promise<Features> =>
      extractFeatures(encoder, config.model, images, pooling);
    const seen = await of(evaluationBatches(train, settings, FEATURE_BATCH));
    const heldOut = await of(evaluationBatches(test, settings, FEATURE_BATCH));
    const augmented = (epoch: number): Promise<Features> =>
      of(
        batches(train, {
          ...{ batch: FEATURE_BATCH, key: fold(key, 'augmentation'), epoch, shuffle: false, dropLast: false },
          ...{ transform: trainingImages(settings), onBadImage: settings.onBadImage },
        }),
      );
    const larsOptions = { ...count, ...lars, key: fold(key, 'lars') };
    const knnOptions = {
      ...count,
      ...(options.k && { k: options.k }),
      ...(options.temperature !== undefined && { temperature: options.temperature }),
    };
    return {
      ...(methods.includes('linear') && { linear: await linearProbe(seen, heldOut, count) }),
      ...(methods.includes('lars') && {
        lars: await larsProbe(augment ? augmented : () => seen, heldOut, larsOptions),
      }),
      ...(methods.includes('knn') && { knn: await knnProbe(seen, heldOut, knnOptions) }),
    };
  };
}

/** The same probe on an encoder that has learned nothing: the run's own initial weights. */
export async function probeUntrained(probe: Probe, config: PretrainConfig): Promise<ProbeFigures> {
  const untrained = initMae(runKeys(config).init, config.model);
  const figures = await probe(untrained);
  dispose(untrained);
  return figures;
}

/** Accuracies by what they are called: `linear`, `lars`, `knn 20`. */
export function accuracies({ linear, lars, knn = [] }: ProbeFigures): [name: string, accuracy: number][] {
  return [
    ...(linear ? [['linear', linear.accuracy] as [string, number]] : []),
    ...(lars ? [['lars', lars.accuracy] as [string, number]] : []),
    ...knn.map(({ k, accuracy }): [string, number] => [`knn ${k}`, accuracy]),
  ];
}

/** 0.8731 → '87.3 %'. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
