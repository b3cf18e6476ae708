import { stat } from 'node:fs/promises';
import { maeFlops, maeParameters } from '@maehem/mae';
import { visibleTokens } from '@maehem/train';
import {
  type Architecture,
  elementCount,
  missingTensors,
  type Named,
  type TensorSpec,
  WeightsError,
} from '@maehem/weights';
import { openWeightsFile } from '@maehem/weights/node';
import { Command } from 'commander';
import { findCheckpoint } from '../checkpoint-argument.js';
import { addModelOptions, isRun, type ModelOptions, openModelArgument } from '../model-argument.js';

/** `maehem info FILE` */
export function infoCommand(): Command {
  const command = new Command('info')
    .description('What a checkpoint holds: architecture, parameters, names and shapes of its tensors.')
    .argument(
      '<file>',
      'safetensors, .pth, .pt or .bin; a folder of Hugging Face or timm; a checkpoint, or the folder of a run',
    );
  return addModelOptions(command).action(async (argument: string, options: ModelOptions) => {
    const found = await stat(argument).catch(() => undefined);
    if (found === undefined) throw new Error(`${argument}: no such file or folder`);
    if (found.isDirectory() && (await isRun(argument))) await printRun(argument);
    await printModel(argument, options, found.isFile());
  });
}

/** What a checkpoint of a run here says about its training. */
async function printRun(argument: string): Promise<void> {
  const { path, info } = await findCheckpoint(argument);
  const { model, mask, seed, epochs, batch } = info.config;
  const { total, trainable, encoder } = maeParameters(model);
  const flops = maeFlops(model, visibleTokens(mask, model));
  print([
    ['checkpoint', path],
    ['step', `${info.step}`],
    ['run', `seed ${seed}, ${epochs} epochs, batch ${batch}, mask ${mask.strategy} ${mask.ratio}`],
    ['trained', `${trainable} of ${total} parameters; ${encoder} of them stay in the encoder`],
    [
      'forward',
      `${(flops.encoder / 1e9).toFixed(3)} GFLOP encoder, ${(flops.decoder / 1e9).toFixed(3)} GFLOP decoder, per image`,
    ],
  ]);
}

async function printModel(argument: string, options: ModelOptions, isFile: boolean): Promise<void> {
  try {
    const { model } = await openModelArgument(argument, options);
    const { architecture, format, dialect, notes } = model;
    const missing = missingTensors(model);
    print([
      [
        'format',
        `${format}, names of ${dialect === 'huggingface' ? 'Hugging Face' : 'the reference (and timm)'}`,
      ],
      ...describeArchitecture(architecture),
      ...(architecture.guessed.length === 0 ? [] : [['guessed', architecture.guessed.join('; ')] as const]),
      ...(missing.length === 0 ? [] : [['missing', missing.join(', ')] as const]),
      ...Object.entries(notes)
        .filter(([name]) => !name.startsWith('maehem.'))
        .map(([name, value]) => [name, `${value}`.slice(0, 200)] as const),
    ]);
    printTensors(model.tensors, model.name);
    await model.close();
  } catch (error) {
    // Weights of anything else, an optimizer's state say: their names and shapes are worth seeing, too.
    if (!isFile || !(error instanceof WeightsError)) throw error;
    const file = await openWeightsFile(argument);
    print([
      ['format', file.format],
      ['model', `none that is known here: ${error.message.slice(file.name.length + 2)}`],
    ]);
    printTensors(file.tensors, file.name);
    await file.close();
  }
}

function describeArchitecture(architecture: Architecture): [string, string][] {
  const { kind, imageSize, patchSize, channels, dim, depth, heads, mlpRatio, decoder, classifier } =
    architecture;
  const kinds = {
    autoencoder: 'masked autoencoder',
    classifier: 'classifier',
    encoder: 'encoder without a decoder',
  };
  const image = imageSize === undefined ? 'unknown size (--image-size)' : imageSize.join('x');
  return [
    ['model', kinds[kind]],
    ['image', `${image}, ${channels} channels, patch ${patchSize.join('x')}`],
    [
      'encoder',
      `width ${dim}, depth ${depth}, heads ${heads ?? 'unknown (--heads)'}, MLP ${Math.round(dim * mlpRatio)}`,
    ],
    ...(decoder === undefined
      ? []
      : [
          [
            'decoder',
            `width ${decoder.dim}, depth ${decoder.depth}, heads ${decoder.heads ?? 'unknown (--decoder-heads)'}`,
          ] as [string, string],
        ]),
    ...(classifier === undefined
      ? []
      : [
          [
            'head',
            `${classifier.classes} classes, from ${classifier.pooling === 'mean' ? 'the mean of the patches' : 'the class token'}`,
          ] as [string, string],
        ]),
  ];
}

function print(lines: readonly (readonly [string, string])[]): void {
  const width = Math.max(10, ...lines.map(([name]) => name.length));
  process.stdout.write(`${lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')}\n\n`);
}

function printTensors(tensors: Named<TensorSpec>, path: string): void {
  let total = 0;
  const list = Object.entries(tensors);
  for (const [name, { dtype, shape }] of list) {
    total += elementCount(shape) ?? 0;
    process.stdout.write(`${dtype.padEnd(5)} ${`[${shape.join(', ')}]`.padEnd(20)} ${name}\n`);
  }
  process.stdout.write(`${list.length} tensors, ${total} parameters in ${path}\n`);
}
