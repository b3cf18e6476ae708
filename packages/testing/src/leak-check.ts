import * as tf from '@tensorflow/tfjs-core';

/**
 * Run `step` a few times to warm up, then `times` more, and compare tfjs's tensor count and the engine's
 * own count of buffers.
 * @throws when either grew.
 */
export async function expectNoLeak(step: () => void | Promise<void>, times = 50): Promise<void> {
  for (let i = 0; i < 2; i++) await step();
  const before = count();
  for (let i = 0; i < times; i++) await step();
  const after = count();
  if (after.tensors !== before.tensors || after.buffers !== before.buffers)
    throw new Error(
      `leak: ${before.tensors} tensors and ${before.buffers} buffers became ${after.tensors} and ${after.buffers} in ${times} runs`,
    );
}

function count(): { tensors: number; buffers: number } {
  return { tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() };
}
