import { dispose, gpuEngine, openBackend } from '@maehem/backend';
import { type GemmTuning, type TunedProduct, tuneGemm } from '@maehem/kernels';
import type { MaeConfig } from '@maehem/mae';
import { seed } from '@maehem/random';
import { createPretrainer } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { keepTunedTiles, tunedTilesFile } from '../config/tuned-tiles.js';
import { smallTask } from './small-task.js';

/**
 * Measure the tiles of every matrix product in a training step of this model and batch, and keep the best.
 * @param report called with each product as it is done
 * @returns the file that they are kept in
 */
export async function tune(
  model: MaeConfig,
  samples: number,
  report: (product: TunedProduct) => void,
): Promise<string> {
  const backend = await openBackend('webgpu');
  const { task, start, batch } = smallTask(seed(1), model, samples);
  const trainer = createPretrainer(task, { ...start, capture: false });
  const tuning: GemmTuning = await tuneGemm(
    gpuEngine(tf.backend()),
    async () => void (await trainer.step([batch])),
    report,
  );
  trainer.dispose();
  dispose(batch);
  const file = tunedTilesFile(backend);
  await keepTunedTiles(file, tuning);
  return file;
}

/** One line for a product: what the default takes, and what was found. */
export function tunedLine({ name, defaultMs, chosenMs, choice, wrong }: TunedProduct): string {
  const { tile, splits } = choice;
  const shape = `${tile.m}x${tile.n}${splits > 1 ? ` in ${splits} parts` : ''}`;
  const doubt = wrong === 0 ? '' : `; ${wrong} tiles gave other results and were left out`;
  return `${name}: ${defaultMs.toFixed(2)} ms, with ${shape} ${chosenMs.toFixed(2)} ms${doubt}`;
}
