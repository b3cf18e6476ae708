import type { BackendName } from '@maehem/backend';
import type { TuneOutcome, TuneProgress } from '@maehem/kernels';
import type { PretrainSettings } from '@maehem/settings';
import type { StepGain } from '@maehem/train';
import type { RgbaImage } from '@maehem/viz';
import type { DataSource } from '../data/source.js';
import type { History } from './history.js';

/** What the page tells the worker to set up. */
export interface OpenRequest {
  /** The address of the site's root, with a trailing slash: where digits and engines are fetched. */
  readonly site: string;
  readonly settings: PretrainSettings;
  readonly source: DataSource;
  readonly engine: BackendName | 'auto';
  /** A kept run to go on with; its settings and source then hold, not those above. */
  readonly resume?: string;
  /** Weights of a file to start from. */
  readonly start?: { readonly file: Blob; readonly name: string };
}

/** For what steps, and on which engine, kernels are to be measured. */
export type TuneRequest = Pick<OpenRequest, 'site' | 'settings' | 'engine'>;

/** What measuring the GPU found. */
export interface TuneResult {
  /** Kernels that were measured, that are not as usual now, and that time did not suffice for. */
  readonly kernels: number;
  readonly changed: number;
  readonly missing: number;
  readonly ended: TuneOutcome['ended'];
  readonly step?: StepGain;
}

/** Tiles that a run takes because they were measured. */
export interface TunedTiles {
  /** Kernels that were measured, and those of them that are not as usual. */
  readonly kernels: number;
  readonly tuned: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What the worker has set up. */
export interface RunSummary {
  readonly id: string;
  readonly settings: PretrainSettings;
  readonly source: DataSource;
  readonly engine: BackendName;
  readonly engineDescription: string;
  /** On WebGPU, where the GPU was measured. */
  readonly tiles?: TunedTiles;
  /** Threads that share each step, the trainer's own included. */
  readonly threads: number;
  readonly step: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly trainImages: number;
  readonly heldOutImages: number;
  readonly classes: readonly string[];
  readonly history: History;
  /** [rows, columns] of patches. */
  readonly grid: readonly [number, number];
  /** What is not as it was asked for, such as weights that did not fit; a line each. */
  readonly notes: readonly string[];
}

/** One step, as told to the page. */
export interface StepTold {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly lr: number;
  readonly gradNorm: number;
}

/** What the worker tells by itself. */
export type TrainerEvent =
  | {
      readonly type: 'steps';
      readonly steps: readonly StepTold[];
      readonly imagesPerSecond: number;
      readonly memory: { readonly tensorBytes: number; readonly heapBytes: number | undefined };
    }
  | { readonly type: 'pictures'; readonly step: number; readonly pictures: readonly Guess[] }
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'kept'; readonly step: number; readonly bytes: number; readonly at: number }
  | { readonly type: 'not-kept'; readonly message: string }
  | { readonly type: 'slept'; readonly seconds: number }
  | {
      readonly type: 'failed';
      readonly reason: FailureReason;
      readonly message: string;
      readonly keptStep: number | undefined;
    };

/** What a run is doing. */
export type Phase = 'ready' | 'training' | 'paused' | 'finished';

/** Why a run cannot go on by itself. */
export type FailureReason = 'device lost' | 'out of memory' | 'diverged' | 'error';

/** One picture in the stages of the paper's figures; removed patches of `masked` are transparent. */
export interface Guess {
  readonly original: RgbaImage;
  readonly masked: RgbaImage;
  /** Removed patches as the model guesses them, the others from the original. */
  readonly guess: RgbaImage;
  /** [token]: 1 where the patch was removed. */
  readonly hidden: Uint8Array;
}

/** A picture to look at: one of the run's held-out ones, or any other. */
export type PictureChoice =
  | { readonly heldOut: number }
  | { readonly image: { readonly height: number; readonly width: number; readonly pixels: Uint8Array } };

/** Which patches to hide: by hand, or as the run does, at a ratio. */
export type Hiding = { readonly hidden: Uint8Array } | { readonly ratio: number; readonly draw: number };

/** Attention of one block on one picture. */
export interface AttentionLook {
  readonly original: RgbaImage;
  readonly heads: number;
  readonly tokens: number;
  /** [head, 1 + token, 1 + token], the class token first. */
  readonly maps: Float32Array;
}

/** Principal components of patch features as colours, a picture each. */
export interface PcaLook {
  readonly originals: readonly RgbaImage[];
  /** One pixel a patch. */
  readonly colours: readonly RgbaImage[];
  /** Share of the variance that the three components hold, in [0, 1]. */
  readonly explained: readonly number[];
}

/** The pictures nearest to one in feature space. */
export interface NeighbourLook {
  readonly original: RgbaImage;
  readonly neighbours: readonly {
    readonly image: RgbaImage;
    readonly similarity: number;
    readonly label: string | undefined;
  }[];
  readonly searched: number;
}

/** How well a linear classifier does on frozen features, against the same encoder untrained. */
export interface ProbeLook {
  readonly accuracy: number;
  readonly untrained: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: number;
}

/** An engine, and why it cannot open here. */
export interface EngineOffer {
  readonly name: BackendName;
  readonly refusal: string | undefined;
  /** Why `auto` takes another one, where it can open. */
  readonly passedOver: string | undefined;
  /** Why it cannot compute in float16. */
  readonly withoutHalf: string | undefined;
  /** Of its adapter, on WebGPU. */
  readonly limits?: GpuLimits;
}

/** What an adapter can hold, in bytes. */
export interface GpuLimits {
  /** The largest buffer. */
  readonly maxBufferSize: number;
  /** The largest part of a buffer that a shader sees. */
  readonly maxStorageBufferBindingSize: number;
}

/** What the worker does for the page. */
export interface TrainerApi {
  engines(): Promise<readonly EngineOffer[]>;
  open(request: OpenRequest, tell: (event: TrainerEvent) => void): Promise<RunSummary>;
  /** Train until paused or done. Returns at once. */
  start(): void;
  /** @returns when the step at hand is whole and the run is kept. */
  pause(): Promise<void>;
  step(): Promise<void>;
  guess(picture: PictureChoice, hiding: Hiding): Promise<Guess>;
  attention(picture: PictureChoice, block: number): Promise<AttentionLook>;
  pca(count: number): Promise<PcaLook>;
  neighbours(picture: PictureChoice, count: number): Promise<NeighbourLook>;
  probe(): Promise<ProbeLook>;
  /** Weights as safetensors under the reference's names. */
  exportWeights(what: 'model' | 'encoder'): Promise<Uint8Array>;
  /** Measure the GPU for steps of these settings; in a worker that has opened no run, whose memory is free. */
  tune(request: TuneRequest, tell: (progress: TuneProgress) => void): Promise<TuneResult>;
  /** What is measured by then is kept. */
  stopTuning(): void;
  /** The GPU of the open run, which goes on as it is. */
  forgetTuning(): Promise<void>;
  /** For tests, and to see what happens: the engine's device goes away. */
  loseDevice(): Promise<void>;
}
