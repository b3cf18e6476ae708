import { GpuLostError, gpuEngine } from '@maehem/backend';
import { serveTrainingThread } from '@maehem/train/browser';
import * as tf from '@tensorflow/tfjs-core';
import * as comlink from 'comlink';
import { forgetTuning } from '../keep/tuning-store.js';
import { engineOffers, withoutThreadsOfTfjs } from './engine.js';
import { guessPictures, planOf } from './guess.js';
import { attentionOf, choose, nearest, patchColours, probeRun } from './look.js';
import type { TrainerApi } from './protocol.js';
import { openRun, type Run } from './run.js';
import { THREAD_NAME } from './threads.js';
import { tuneHere } from './tuning.js';

/** One worker trains one run; another run gets another worker, so that nothing is left over. */
let run: Run | undefined;
const tuning = new AbortController();

function current(): Run {
  if (run === undefined) throw new Error('no run is open');
  return run;
}

const api: TrainerApi = {
  engines: engineOffers,
  open: async (request, tell) => {
    run = await openRun(request, tell);
    return run.summary;
  },
  start: () => current().start(),
  pause: () => current().pause(),
  step: () => current().step(),
  guess: async (picture, hiding) => {
    const { settings, between, params } = current();
    const images = await choose(current(), picture);
    const plan = planOf(settings, hiding);
    return between(async () => (await guessPictures(params(), settings, images, plan))[0]!);
  },
  attention: (picture, block) => attentionOf(current(), picture, block),
  pca: (count) => patchColours(current(), count),
  neighbours: (picture, count) => nearest(current(), picture, count),
  probe: () => probeRun(current()),
  exportWeights: async (what) => {
    const bytes = await current().exportWeights(what);
    return comlink.transfer(bytes, [bytes.buffer]);
  },
  tune: (request, tell) => tuneHere(request, tell, tuning.signal),
  stopTuning: () => tuning.abort(),
  forgetTuning: () => forgetTuning(gpuEngine(tf.backend())),
  loseDevice: async () => {
    const { device } = tf.backend() as unknown as { device?: { destroy(): void } };
    if (device === undefined) current().fail(new GpuLostError('the device was lost (simulated)'));
    else device.destroy();
  },
};

if (self.name === THREAD_NAME) {
  withoutThreadsOfTfjs();
  serveTrainingThread();
} else comlink.expose(api);
