import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { latestCheckpoint } from '@maehem/train/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { size } from './config/flags.js';
import { openPretrained, type PretrainedSource } from './pretrained-source.js';
import { checkpointsOf } from './run.js';

/** What a person says about a model because its tensors do not. */
export interface ModelOptions {
  readonly heads?: number;
  readonly decoderHeads?: number;
  readonly imageSize?: number | readonly [number, number];
}

/** Add the flags of {@link ModelOptions}. */
export function addModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--heads <n>', 'attention heads, where neither a config nor the width tells').argParser(
        count,
      ),
    )
    .addOption(new Option('--decoder-heads <n>', "the decoder's heads, likewise").argParser(count))
    .addOption(
      new Option(
        '--image-size <size>',
        'the image that its positions are for, 32 or 32x48, where they are no square',
      ).argParser(size),
    );
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`'${text}' is not a positive whole number.`);
  return value;
}

/** [height, width] of a size that may be given as one number. */
export function sides(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

/**
 * Open the model that a person means: a file of weights, a folder of Hugging Face or timm, a checkpoint, or a run's folder
 * for its newest one. Close it when done.
 * @throws when there is none, or it is broken.
 */
export function openModelArgument(
  argument: string,
  { heads, decoderHeads, imageSize }: ModelOptions,
): Promise<PretrainedSource> {
  return openPretrained(argument, {
    ...{ heads, decoderHeads },
    imageSize: imageSize === undefined ? undefined : sides(imageSize),
  });
}

/** Does this folder belong to a run here: the run's own, or one of its checkpoints? */
export async function isRun(argument: string): Promise<boolean> {
  if (/^step-\d+$/.test(basename(argument))) return true;
  const files = await readdir(argument);
  return (
    files.includes(basename(checkpointsOf(argument))) &&
    (await latestCheckpoint(join(argument, 'checkpoints'))) !== undefined
  );
}
