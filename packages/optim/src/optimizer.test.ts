import { dispose } from '@maehem/backend';
import { type KernelMode, withKernelMode } from '@maehem/kernels';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  adamw,
  lars,
  type NamedTensors,
  type Optimizer,
  type ParameterTreatment,
  sgd,
  type Treatments,
  treatmentOf,
} from './index.js';

const key = fold(seed(1), 'optimizer');
const SHAPES: Readonly<Record<string, number[]>> = { 'block.weight': [4, 5], 'block.bias': [5] };
const TREATMENTS: Treatments = {
  'block.weight': { lrScale: 0.5, weightDecay: 0.1 },
  'block.bias': { lrScale: 1, weightDecay: 0 },
};
const GRAD_SCALE = 0.7;
/** A rate that changes from step to step. */
const schedule = (step: number): number => 0.1 * (step + 1);

/** One parameter on plain numbers, and what its rule remembers. */
type Plain = { param: number[]; slots: { [slot: string]: number[] } };
type PlainRule = (
  plain: Plain,
  grad: number[],
  at: ParameterTreatment & { step: number; lr: number; rank: number },
) => Plain;

/** Decoupled decay, as PyTorch's AdamW computes it. */
const plainAdamw: PlainRule = ({ param, slots }, grad, { step, lr, lrScale, weightDecay }) => {
  const m = slots['m']!.map((value, i) => 0.9 * value + 0.1 * grad[i]!);
  const v = slots['v']!.map((value, i) => 0.95 * value + 0.05 * grad[i]! ** 2);
  const rate = lr * lrScale;
  const next = param.map((value, i) => {
    const mean = m[i]! / (1 - 0.9 ** (step + 1));
    const square = v[i]! / (1 - 0.95 ** (step + 1));
    return value * (1 - rate * weightDecay) - (rate * mean) / (Math.sqrt(square) + 1e-8);
  });
  return { param: next, slots: { m, v } };
};

/** The buffer gathers directions; the parameter moves against it. */
function plainMomentum(plain: Plain, direction: number[], rate: number): Plain {
  const momentum = plain.slots['momentum']!.map((value, i) => 0.9 * value + direction[i]!);
  return { param: plain.param.map((value, i) => value - rate * momentum[i]!), slots: { momentum } };
}

const plainSgd: PlainRule = (plain, grad, { lr, lrScale, weightDecay }) =>
  plainMomentum(
    plain,
    plain.param.map((value, i) => grad[i]! + weightDecay * value),
    lr * lrScale,
  );

/** Vectors move as with SGD, undecayed. */
const plainLars: PlainRule = (plain, grad, { lr, lrScale, weightDecay, rank }) => {
  if (rank <= 1) return plainMomentum(plain, grad, lr * lrScale);
  const decayed = plain.param.map((value, i) => grad[i]! + weightDecay * value);
  const trust = (0.001 * Math.hypot(...plain.param)) / Math.hypot(...decayed);
  return plainMomentum(
    plain,
    decayed.map((value) => trust * value),
    lr * lrScale,
  );
};

const RULES: readonly [string, Optimizer, PlainRule][] = [
  ['adamw', adamw({ schedule, treatments: TREATMENTS }), plainAdamw],
  ['sgd', sgd({ schedule, treatments: TREATMENTS }), plainSgd],
  ['lars', lars({ schedule, treatments: TREATMENTS }), plainLars],
];

function startParams(): NamedTensors {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([path, shape]) => [path, randomTensor(fold(key, path), shape)]),
  );
}

function gradOf(path: string, step: number): number[] {
  const size = SHAPES[path]!.reduce((product, n) => product * n, 1);
  return [...normal(fold(fold(fold(key, 'grad'), path), step), size)];
}

function gradsOf(step: number): NamedTensors {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([path, shape]) => [path, tf.tensor(gradOf(path, step), shape)]),
  );
}

/** One step through the optimizer; disposes what the step consumes, as callers do. */
function stepOnce(
  optimizer: Optimizer,
  { params, state }: { params: NamedTensors; state: ReturnType<Optimizer['init']> },
  step: number,
) {
  const grads = gradsOf(step);
  const scalars = Object.fromEntries(
    Object.entries(optimizer.numbers(step)).map(([name, value]) => [name, tf.scalar(value)]),
  );
  const gradScale = tf.scalar(GRAD_SCALE);
  const next = optimizer.update({ params, grads, state, scalars, gradScale });
  for (const used of [params, state, grads, scalars, { gradScale }]) dispose(used);
  return next;
}

describeOnEveryBackend('optimizers', () => {
  describe.each<KernelMode>(['native', 'composite'])('%s', (mode) => {
    it.each(RULES)(
      '%s makes the steps of the formula, and leaves its new tensors alone',
      async (...[, optimizer, rule]) => {
        const before = tf.memory().numTensors;
        let params = startParams();
        let state = optimizer.init(params);
        const expected = new Map<string, Plain>();
        for (const [path, tensor] of Object.entries(params)) {
          const slots = Object.keys(state).map((slot) => [slot, new Array<number>(tensor.size).fill(0)]);
          expected.set(path, { param: [...(await tensor.data())], slots: Object.fromEntries(slots) });
        }
        for (let step = 0; step < 3; step++) {
          for (const [path, plain] of expected) {
            const grad = gradOf(path, step).map((value) => value * GRAD_SCALE);
            const at = { ...TREATMENTS[path]!, step, lr: schedule(step), rank: SHAPES[path]!.length };
            expected.set(path, rule(plain, grad, at));
          }
          ({ params, state } = withKernelMode(mode, () => stepOnce(optimizer, { params, state }, step)));
        }
        for (const [path, { param, slots }] of expected) {
          await expectClose(params[path]!, param, 1e-6, path);
          expect(params[path]!.shape).toEqual(SHAPES[path]);
          for (const [slot, values] of Object.entries(slots))
            await expectClose(state[slot]![path]!, values, 1e-6, `${slot} of ${path}`);
        }
        expect(tf.memory().numTensors - before).toBe(2 + 2 * Object.keys(state).length);
        dispose(params);
        dispose(state);
        expect(tf.memory().numTensors).toBe(before);
      },
    );
  });

  it.each(RULES)('%s starts from zeros beside every parameter', async (...[name, optimizer]) => {
    const params = startParams();
    const state = optimizer.init(params);
    expect(optimizer.name).toBe(name);
    for (const slot of Object.values(state)) {
      expect(Object.keys(slot)).toEqual(Object.keys(SHAPES));
      for (const [path, tensor] of Object.entries(slot)) {
        expect(tensor.shape).toEqual(SHAPES[path]);
        expect((await tensor.data()).every((value) => value === 0)).toBe(true);
      }
    }
    dispose(params);
    dispose(state);
  });

  it.each([
    ['adamw', adamw],
    ['sgd', sgd],
    ['lars', lars],
  ] as const)('%s names a leaf that no group covers, and one without a gradient', (_, rule) => {
    const treatments = { 'block.weight': TREATMENTS['block.weight']! };
    const uncovered = rule({ schedule, treatments });
    const covered = rule({ schedule, treatments: TREATMENTS });
    tf.tidy(() => {
      const params = startParams();
      const { 'block.bias': _missing, ...grads } = gradsOf(0);
      const scalars = { lr: tf.scalar(1), correction1: tf.scalar(1), correction2: tf.scalar(1) };
      const input = { params, scalars, gradScale: tf.scalar(1) };
      expect(() => uncovered.update({ ...input, grads: gradsOf(0), state: uncovered.init(params) })).toThrow(
        'parameter block.bias belongs to no group',
      );
      expect(() => covered.update({ ...input, grads, state: covered.init(params) })).toThrow(
        'no gradient for parameter block.bias',
      );
    });
  });
});

describe('treatmentOf', () => {
  it('is the treatment of the path, or an error that names it', () => {
    expect(treatmentOf(TREATMENTS, 'block.weight')).toEqual({ lrScale: 0.5, weightDecay: 0.1 });
    expect(() => treatmentOf(TREATMENTS, 'head.weight')).toThrow(
      'optimizer: parameter head.weight belongs to no group; cover every leaf',
    );
  });
});
