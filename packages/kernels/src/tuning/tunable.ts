import type { TensorInfo } from '@tensorflow/tfjs-core';

/**
 * Work on the GPU that can be shared out to workgroups in several ways. Which is the fastest depends on the adapter
 * more than on anything that WebGPU tells of it. A choice is plain data, so that it can be kept as JSON.
 */
export interface Tunable<Choice extends object = object> {
  /** Whatever its time depends on but the adapter, such as `product 1x64x768x192 NT f32 f32 f32 bias`. */
  readonly name: string;
  /** What is taken where nothing was measured. */
  usual(): Choice;
  /** Everything that could be taken on this adapter. */
  candidates(): readonly Choice[];
  /** A choice for people. */
  inWords(choice: Choice): string;
  /** The same work on tensors of its own: those of a step are gone when it is measured. */
  open(): Trial<Choice>;
}

/** Work that can be tried again and again. */
export interface Trial<Choice extends object = object> {
  /** Record the work. */
  run(choice: Choice): void;
  /** Where it writes to; what it does not write to stays as it was. */
  readonly results: readonly TensorInfo[];
  /** How far results may be from those of the usual choice, in parts of the largest number. */
  readonly tolerance: number;
  dispose(): void;
}
