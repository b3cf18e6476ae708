import { initMae, isDecoder, type Mae } from '@maehem/mae';
import { fold } from '@maehem/random';
import {
  describeLoad,
  loadPretrained,
  maeFromTensors,
  type PretrainConfig,
  runKeys,
  type TrainingState,
  uploadOptimizerState,
} from '@maehem/train';
import { blobSource, decodeSafetensors, openWeights, readModel } from '@maehem/weights';
import type { CheckpointFiles } from '../keep/run-store.js';

/** Where a kept run goes on. */
export function keptState({ model, optimizer, info }: CheckpointFiles): TrainingState {
  const { model: architecture } = info.config;
  return {
    params: maeFromTensors(decodeSafetensors(model).tensors, architecture, 'the kept run'),
    optimizerState: uploadOptimizerState(decodeSafetensors(optimizer).tensors, architecture),
    stepIndex: info.step,
  };
}

/**
 * Fresh training from the weights of a file: safetensors or a `.pth`, under any names that are known. A decoder
 * that the file lacks starts fresh.
 * @throws when the file is none, or of another encoder; says how they differ.
 */
export async function stateFromFile(
  config: PretrainConfig,
  file: Blob,
  name: string,
): Promise<{ state: TrainingState; notes: string[] }> {
  const weights = await readModel(await openWeights(blobSource(file, name)));
  const { imageSize, patchSize } = config.model;
  const { params, report } = await loadPretrained<Mae>(
    initMae(fold(runKeys(config).init, 'beside a file'), config.model),
    weights,
    { imageSize, patchSize, mayStartFresh: isDecoder },
  );
  return { state: { params, stepIndex: 0 }, notes: describeLoad(report) };
}
