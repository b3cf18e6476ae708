import { dispose } from '@maehem/backend';
import { type MaeConfig, smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { createPretrainer, localGradients, pretrainObjective, splitParams } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { smallTask } from './small-task.js';

/** What a tiny model comes to on an engine. */
export interface Figures {
  /** Of three captured steps: forward, backward and AdamW. */
  readonly losses: readonly number[];
  /** The global norm of each step's gradient. */
  readonly gradNorms: readonly number[];
  /**
   * The first gradient, parameter by parameter: its norm, and the product of its direction with fixed numbers drawn
   * from a normal distribution, which is of the order of 1 and differs as the direction does.
   */
  readonly gradients: Readonly<Record<string, readonly [norm: number, direction: number]>>;
}

const MODEL: MaeConfig = smallMaePreset('small', {
  ...{ imageSize: [16, 24], dim: 24, depth: 2, heads: 3, decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
});

/** One of each kind of layer, from both ends of the network. */
const PROBED: readonly string[] = [
  'patch_embed.proj.weight',
  'cls_token',
  'blocks.0.norm1.weight',
  'blocks.0.attn.qkv.weight',
  'blocks.1.mlp.fc1.bias',
  'decoder_embed.weight',
  'mask_token',
  'decoder_blocks.0.attn.proj.weight',
  'decoder_pred.bias',
];

/** As the tfjs ops of the kernels' references give them on the cpu engine; golden.test.ts computes them anew. */
export const GOLDEN: Figures = {
  losses: [1.57795, 1.525929, 1.477028],
  gradNorms: [1.21465, 1.164192, 1.091868],
  gradients: {
    'patch_embed.proj.weight': [0.04198782, 0.3320594],
    cls_token: [0.1105693, -0.07954443],
    'blocks.0.norm1.weight': [0.008494823, 1.702951],
    'blocks.0.attn.qkv.weight': [0.04294207, 0.8361929],
    'blocks.1.mlp.fc1.bias': [0.01004619, -0.4040358],
    'decoder_embed.weight': [0.07554063, 1.618774],
    mask_token: [0.1732493, -0.9856974],
    'decoder_blocks.0.attn.proj.weight': [0.3049072, -0.5541863],
    'decoder_pred.bias': [0.2073326, -0.5990657],
  },
};

/** How far a loss or a global norm may be off, as a part of itself. Engines in float32 keep to 1e-6. */
const LOSS_TOLERANCE = 1e-3;

/** The same for gradients: products of ten bits (TF32, which TensorFlow takes on recent GPUs) need this much. */
const GRADIENT_TOLERANCE = 1e-2;

/** The figures of the engine that is open. */
export async function computeFigures(): Promise<Figures> {
  const key = fold(seed(1), 'doctor');
  const { task, start, batch } = smallTask(key, MODEL, 3);
  const gradients = await probeGradients();
  const trainer = createPretrainer(task, start);
  const losses: number[] = [];
  const gradNorms: number[] = [];
  for (let step = 0; step < 3; step++) {
    const { loss, gradNorm } = await trainer.step([batch]);
    losses.push(loss);
    gradNorms.push(gradNorm);
  }
  trainer.dispose();
  dispose(batch);
  return { losses, gradNorms, gradients };

  async function probeGradients(): Promise<Figures['gradients']> {
    const source = localGradients(pretrainObjective(task), start.params, true);
    const result = await source.gather(splitParams(start.params), [batch]);
    const probes: Record<string, [number, number]> = {};
    for (const path of PROBED) {
      const values = await result.grads[path]!.data();
      probes[path] = normAndDirection(values, normal(fold(key, path), values.length));
    }
    tf.dispose(result.losses);
    dispose(result.grads);
    source.dispose();
    return probes;
  }
}

function normAndDirection(gradient: ArrayLike<number>, numbers: Float32Array): [number, number] {
  const norm = Math.hypot(...Array.from(gradient));
  return [norm, numbers.reduce((sum, number, i) => sum + number * gradient[i]!, 0) / norm];
}

/** How an engine's figures compare. */
export interface Verdict {
  readonly right: boolean;
  /** The largest error, as a part of what it is compared with. */
  readonly error: number;
  /** Where that is. */
  readonly figure: string;
}

/** Compare figures with the golden ones. */
export function judge(actual: Figures, golden: Figures = GOLDEN): Verdict {
  const differences = [
    ...golden.losses.map((loss, i) => compare(`loss of step ${i + 1}`, actual.losses[i]! / loss - 1)),
    ...golden.gradNorms.map((norm, i) =>
      compare(`gradient norm of step ${i + 1}`, actual.gradNorms[i]! / norm - 1),
    ),
    ...Object.entries(golden.gradients).flatMap(([path, [norm, direction]]) => [
      compare(`size of the gradient of ${path}`, actual.gradients[path]![0] / norm - 1, GRADIENT_TOLERANCE),
      compare(
        `direction of the gradient of ${path}`,
        actual.gradients[path]![1] - direction,
        GRADIENT_TOLERANCE,
      ),
    ]),
  ];
  const { figure, error, excess } = differences.reduce((a, b) => (b.excess > a.excess ? b : a));
  return { right: excess <= 1, error, figure };
}

function compare(figure: string, difference: number, tolerance = LOSS_TOLERANCE) {
  const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.abs(difference);
  return { figure, error, excess: error / tolerance };
}
