import { stat } from 'node:fs/promises';
import { maeFlops, maeParameters } from '@maehem/mae';
import { visibleTokens } from '@maehem/train';
import { modelFile } from '@maehem/train/node';
import { openSafetensors } from '@maehem/weights/node';
import { Command } from 'commander';
import { findCheckpoint } from '../checkpoint-argument.js';

/** `maehem info FILE` */
export function infoCommand(): Command {
  return new Command('info')
    .description('What a checkpoint, a run or a safetensors file holds.')
    .argument('<file>', 'a safetensors file, a checkpoint, or the folder of a run')
    .action(async (argument: string) => {
      const found = await stat(argument).catch(() => undefined);
      if (found === undefined) throw new Error(`${argument}: no such file or folder`);
      if (found.isFile()) return printTensors(argument);
      const { path, info } = await findCheckpoint(argument);
      const { model, mask, seed, epochs, batch } = info.config;
      const { total, trainable, encoder } = maeParameters(model);
      const flops = maeFlops(model, visibleTokens(mask, model));
      const lines = [
        `checkpoint  ${path}`,
        `step        ${info.step}`,
        `image       ${model.imageSize.join('x')}x${model.channels}, patch ${model.patchSize.join('x')}, mask ${mask.strategy} ${mask.ratio}`,
        `encoder     width ${model.dim}, depth ${model.depth}, heads ${model.heads}: ${encoder} parameters`,
        `decoder     width ${model.decoderDim}, depth ${model.decoderDepth}, heads ${model.decoderHeads}`,
        `parameters  ${total} in all, ${trainable} trainable`,
        `forward     ${(flops.encoder / 1e9).toFixed(3)} GFLOP encoder, ${(flops.decoder / 1e9).toFixed(3)} GFLOP decoder, per image`,
        `run         seed ${seed}, ${epochs} epochs, batch ${batch}`,
      ];
      process.stdout.write(`${lines.join('\n')}\n\n`);
      await printTensors(modelFile(path));
    });
}

async function printTensors(path: string): Promise<void> {
  const file = await openSafetensors(path);
  try {
    let total = 0;
    for (const [name, { dtype, shape }] of file.tensors) {
      total += shape.reduce((product, n) => product * n, 1);
      process.stdout.write(`${dtype.padEnd(5)} ${`[${shape.join(', ')}]`.padEnd(20)} ${name}\n`);
    }
    process.stdout.write(`${file.tensors.size} tensors, ${total} numbers in ${path}\n`);
  } finally {
    await file.close();
  }
}
