import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dispose } from '@maehem/backend';
import { describeOnEveryBackend, expectClose, sharedFolder } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { constant, lars, type NamedTensors, type OptimizerState } from './index.js';

/** A parameter on the host. */
interface Values {
  readonly shape: number[];
  readonly data: Float32Array;
}

const matrix = (values: number[]): Values => ({
  shape: [2, values.length / 2],
  data: Float32Array.from(values),
});

/** The parameter after each step, one step a gradient, at a rate of 0.1; no tensor is left behind. */
async function steps(start: Values, grads: readonly Values[], weightDecay: number): Promise<Float32Array[]> {
  const before = tf.memory().numTensors;
  const optimizer = lars({ schedule: constant(0.1), treatments: { w: { lrScale: 1, weightDecay } } });
  const upload = ({ shape, data }: Values): NamedTensors => ({ w: tf.tensor(data, shape) });
  let params = upload(start);
  let state: OptimizerState = optimizer.init(params);
  const after: Float32Array[] = [];
  for (const values of grads) {
    const input = { grads: upload(values), scalars: { lr: tf.scalar(0.1) }, gradScale: tf.scalar(1) };
    const next = optimizer.update({ params, state, ...input });
    for (const used of [params, state, input]) dispose(used);
    ({ params, state } = next);
    after.push((await params['w']!.data()) as Float32Array);
  }
  dispose(params);
  dispose(state);
  expect(tf.memory().numTensors).toBe(before);
  return after;
}

/** F32 tensors of a safetensors file; the package of that format stands above this one. */
function readFloats(file: string): Map<string, Values> {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, start),
  );
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(
        ([
          name,
          {
            shape,
            data_offsets: [from, to],
          },
        ]) => [
          name,
          { shape, data: new Float32Array(new Uint8Array(bytes.subarray(start + from, start + to)).buffer) },
        ],
      ),
  );
}

describeOnEveryBackend('lars', () => {
  it('moves a matrix by trust * its norm, whatever the size of the gradient', async () => {
    // |w| = 5, so that the direction has norm 0.005 and the step 0.0005.
    for (const size of [1e-3, 1, 1e3])
      await expectClose(
        (await steps(matrix([3, 4]), [matrix([0, size])], 0))[0]!,
        [3, 4 - 0.0005],
        1e-7,
        `gradient of ${size}`,
      );
  });

  it('takes the gradient as it is where the parameter is zero', async () => {
    await expectClose((await steps(matrix([0, 0]), [matrix([1, -2])], 0.5))[0]!, [-0.1, 0.2], 1e-7);
  });

  it('leaves a parameter where it is when its gradient is zero', async () => {
    expect([...(await steps(matrix([3, 4]), [matrix([0, 0])], 0))[0]!]).toEqual([3, 4]);
    expect([...(await steps(matrix([0, 0]), [matrix([0, 0])], 0.5))[0]!]).toEqual([0, 0]);
  });

  it('shrinks a parameter without gradient by weight decay, at the trusted rate', async () => {
    const kept = 1 - 0.1 * 0.001;
    await expectClose((await steps(matrix([3, 4]), [matrix([0, 0])], 0.5))[0]!, [3 * kept, 4 * kept], 1e-7);
  });

  it('neither trusts nor decays vectors and scalars', async () => {
    const vector: Values = { shape: [2], data: Float32Array.of(3, 4) };
    const grad: Values = { shape: [2], data: Float32Array.of(1, -2) };
    await expectClose((await steps(vector, [grad], 0.5))[0]!, [2.9, 4.2], 1e-7);
    const scalar: Values = { shape: [], data: Float32Array.of(3) };
    await expectClose((await steps(scalar, [{ ...scalar }], 0.5))[0]!, [2.7], 1e-7);
  });

  it.for(['w', 'b', 'z'])('makes the three steps of the reference: %s', async (name, context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip('no ../shared/parity beside the checkout');
    const goldens = readFloats(join(folder, 'pieces.safetensors'));
    const golden = (key: string): Values => goldens.get(`lars.${name}${key}`)!;
    const after = await steps(
      golden('0'),
      [0, 1, 2].map((step) => golden(`.grad${step}`)),
      0.01,
    );
    for (const [step, values] of after.entries())
      await expectClose(values, golden(`${step + 1}`).data, 1e-6, `${name} after step ${step + 1}`);
  });
});
