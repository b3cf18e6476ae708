import { NORMALISATIONS, type NormalisationName } from '@maehem/data';
import { normalisationName } from '@maehem/settings';
import { describeInterpolation, resizeModel } from '@maehem/train';
import { missingTensors } from '@maehem/weights';
import { type ModelTarget, targetOfPath, writeModel } from '@maehem/weights/node';
import { Command, Option } from 'commander';
import { size } from '../config/flags.js';
import { addModelOptions, type ModelOptions, openModelArgument, sides } from '../model-argument.js';

interface Options extends ModelOptions {
  readonly to?: ModelTarget;
  readonly resize?: number | readonly [number, number];
  readonly normalise?: NormalisationName;
}

const TARGETS: readonly ModelTarget[] = ['safetensors', 'reference', 'hf', 'timm', 'onnx'];

/** `maehem convert IN OUT` */
export function convertCommand(): Command {
  const command = new Command('convert')
    .description("Weights in others' formats and names: PyTorch, Hugging Face, timm, ONNX, and back.")
    .argument('<in>', 'whatever `maehem info` reads')
    .argument('<out>', 'a .safetensors, .pth or .onnx file, or a folder')
    .addOption(
      new Option(
        '--to <what>',
        'names and format; without it the ending of <out> decides, a folder is hf',
      ).choices(TARGETS),
    )
    .addOption(
      new Option('--resize <size>', 'interpolate position embeddings for images of this size').argParser(
        size,
      ),
    )
    .addOption(
      new Option(
        '--normalise <name>',
        "pixel statistics to write beside the weights (default: the run's, else imagenet)",
      ).choices(Object.keys(NORMALISATIONS)),
    );
  return addModelOptions(command).action(async (from: string, to: string, options: Options) => {
    const target = options.to ?? targetOfPath(to);
    const { model: source, normalise } = await openModelArgument(from, options);
    try {
      const { model, interpolated } =
        options.resize === undefined
          ? { model: source, interpolated: [] }
          : resizeModel(source, sides(options.resize));
      const { imageSize, channels } = model.architecture;
      const statistics =
        options.normalise ??
        (normalise === undefined || imageSize === undefined
          ? 'imagenet'
          : normalisationName(normalise, { imageSize, channels }));
      const missing = missingTensors(model);
      const { files, dropped } = await writeModel(to, model, target, NORMALISATIONS[statistics]);
      const report = [
        ...model.architecture.guessed.map((guess) => `guessed: ${guess}`),
        ...interpolated.map(describeInterpolation),
        ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}`]),
        ...(dropped.length === 0
          ? []
          : [`left out, for ${target} has no place for it: ${dropped.join(', ')}`]),
      ];
      for (const line of report) process.stderr.write(`${line}\n`);
      for (const file of files) process.stdout.write(`${file}\n`);
    } finally {
      await source.close();
    }
  });
}
