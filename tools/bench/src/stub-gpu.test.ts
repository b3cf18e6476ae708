import { seed } from '@maehem/random';
import { expect, it } from 'vitest';
import { CONFIGS } from './configs.js';
import { drawWorkload } from './draw-workload.js';
import { openPeerGpu } from './peer-gpu.js';
import { createMaehem } from './peers/maehem.js';

it('shows what a step as deep as ViT-B/16 asks of a GPU, without one', async () => {
  const recorder = await openPeerGpu('stub');
  const peer = createMaehem();
  await peer.init(drawWorkload(seed(0), CONFIGS.deep, 2), { backend: 'webgpu', precision: 'float32' });
  for (let step = 0; step < 4; step++) await peer.step();
  await recorder.take();
  expect(await peer.step()).toBe(0);
  const { dispatches, submits, buffers, peakBytes } = await recorder.take();
  expect(dispatches).toBeGreaterThan(500);
  expect(dispatches).toBeLessThan(900);
  expect(submits).toBeLessThan(16);
  expect(buffers).toBe(0);
  expect(peakBytes).toBeLessThan(6 * 2 ** 20);
});
