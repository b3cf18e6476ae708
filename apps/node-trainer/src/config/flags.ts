import {
  BACKENDS,
  getPath,
  MODEL_PRESETS,
  PRECISIONS,
  parseSettings,
  type SettingsLayer,
  setPath,
  XLA,
} from '@maehem/settings';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** A flag, and the place in the settings that it sets. */
export interface Flag {
  readonly flags: string;
  readonly about: string;
  readonly path: string;
  readonly parse?: (text: string) => unknown;
  readonly choices?: readonly string[];
  /** For `--no-…` flags. */
  readonly value?: unknown;
}

/** A finite number. */
export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError(`'${text}' is not a number.`);
  return value;
};

/** A side, or height x width. */
export const size = (text: string): number | [number, number] => {
  const match = /^(\d+)(?:x(\d+))?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError(`'${text}' is not a size such as 224 or 224x160 (height x width).`);
  return match[2] === undefined ? Number(match[1]) : [Number(match[1]), Number(match[2])];
};

/** `none`, `all`, or every so manieth block. */
export const blocksToRecompute = (text: string): string | number => {
  if (text === 'none' || text === 'all') return text;
  const every = Number(text);
  if (!Number.isSafeInteger(every) || every < 1)
    throw new InvalidArgumentError(`'${text}' is neither none nor all nor a whole number of blocks.`);
  return every;
};

/** Every setting of pretraining as a flag; defaults live in the schema alone. */
const FLAGS: readonly Flag[] = [
  {
    flags: '--data-kind <kind>',
    about: 'what the data folder holds',
    path: 'dataKind',
    choices: ['auto', 'folder', 'mnist', 'cifar10'],
  },
  {
    flags: '--from <weights>',
    about: 'start from weights of any format, with a fresh decoder if need be',
    path: 'from',
  },
  { flags: '--out <folder>', about: 'where the run is kept', path: 'out' },
  { flags: '--backend <name>', about: 'engine', path: 'backend', choices: BACKENDS },
  {
    flags: '--precision <name>',
    about: 'of matrix products; bf16 on tensorflow, f16 on webgpu',
    path: 'precision',
    choices: PRECISIONS,
  },
  {
    flags: '--xla <when>',
    about: 'tensorflow: compile steps; auto: in long runs',
    path: 'xla',
    choices: XLA,
  },
  {
    flags: '--adapter <name>',
    about: "webgpu: high-performance, low-power, fallback, or a part of the GPU's name",
    path: 'adapter',
  },
  { flags: '--tuning <file>', about: 'webgpu: tuned tiles, such as those of another run', path: 'tuning' },
  { flags: '--no-tuning', about: 'webgpu: without tuned tiles', path: 'tuning', value: 'none' },
  {
    flags: '--recompute <blocks>',
    about: 'compute blocks twice instead of keeping their activations: none, all, or every n-th',
    path: 'recompute',
    parse: blocksToRecompute,
  },
  { flags: '--threads <n>', about: 'threads that share each step', path: 'threads', parse: number },
  {
    flags: '--seed <n>',
    about: 'decides weights, order, augmentation and masks',
    path: 'seed',
    parse: number,
  },
  { flags: '--model <preset>', about: 'model preset', path: 'model.preset', choices: MODEL_PRESETS },
  {
    flags: '--image-size <size>',
    about: 'pixels, 32 or 32x48 (height x width)',
    path: 'model.imageSize',
    parse: size,
  },
  { flags: '--patch-size <size>', about: 'pixels of a patch', path: 'model.patchSize', parse: size },
  { flags: '--channels <n>', about: '1 (grey) or 3 (colour)', path: 'model.channels', parse: number },
  { flags: '--dim <n>', about: 'encoder width', path: 'model.dim', parse: number },
  { flags: '--depth <n>', about: 'encoder blocks', path: 'model.depth', parse: number },
  { flags: '--heads <n>', about: 'encoder heads', path: 'model.heads', parse: number },
  { flags: '--decoder-dim <n>', about: 'decoder width', path: 'model.decoderDim', parse: number },
  { flags: '--decoder-depth <n>', about: 'decoder blocks', path: 'model.decoderDepth', parse: number },
  { flags: '--decoder-heads <n>', about: 'decoder heads', path: 'model.decoderHeads', parse: number },
  {
    flags: '--encoder-mask-tokens',
    about: 'ablation: mask tokens in the encoder',
    path: 'model.encoderMaskTokens',
    value: true,
  },
  { flags: '--mask-ratio <fraction>', about: 'patches to hide', path: 'mask.ratio', parse: number },
  {
    flags: '--mask-strategy <name>',
    about: 'how patches are chosen',
    path: 'mask.strategy',
    choices: ['random', 'block', 'grid'],
  },
  { flags: '--no-norm-pix', about: 'predict raw pixels', path: 'normPix', value: false },
  {
    flags: '--target <what>',
    about: 'ablation: an eighth of each patch, by its principal components or low frequencies',
    path: 'target',
    choices: ['pixels', 'pca', 'low-pass'],
  },
  {
    flags: '--loss-on-all-patches',
    about: 'ablation: score visible patches too',
    path: 'lossOnAllPatches',
    value: true,
  },
  { flags: '--batch <n>', about: 'images in a forward pass', path: 'batch', parse: number },
  { flags: '--accumulate <n>', about: 'forward passes in a step', path: 'accumulate', parse: number },
  { flags: '--epochs <n>', about: 'passes over the data', path: 'epochs', parse: number },
  {
    flags: '--minutes <n>',
    about: 'train for about so long instead of --epochs',
    path: 'minutes',
    parse: number,
  },
  {
    flags: '--lr <rate>',
    about: 'learning rate for a batch of 256',
    path: 'optimizer.baseLr',
    parse: number,
  },
  { flags: '--min-lr <rate>', about: 'learning rate at the end', path: 'optimizer.minLr', parse: number },
  { flags: '--warmup-epochs <n>', about: 'linear warm-up', path: 'optimizer.warmupEpochs', parse: number },
  { flags: '--weight-decay <n>', about: 'AdamW weight decay', path: 'optimizer.weightDecay', parse: number },
  { flags: '--clip-norm <n>', about: 'largest gradient norm', path: 'optimizer.clipNorm', parse: number },
  { flags: '--no-crop', about: 'no random resized crop', path: 'augment.crop', value: false },
  {
    flags: '--min-scale <fraction>',
    about: 'smallest area of a random crop',
    path: 'augment.minScale',
    parse: number,
  },
  { flags: '--no-flip', about: 'no horizontal flip', path: 'augment.flip', value: false },
  {
    flags: '--colour-jitter <strength>',
    about: 'ablation: brightness, contrast and saturation',
    path: 'augment.colourJitter',
    parse: number,
  },
  {
    flags: '--train-images <n>',
    about: 'at most so many images, drawn from the seed',
    path: 'trainImages',
    parse: number,
  },
  {
    flags: '--normalise <name>',
    about: 'channel means and deviations',
    path: 'normalise',
    choices: ['auto', 'imagenet', 'cifar10', 'mnist', 'half'],
  },
  { flags: '--on-bad-image <what>', about: 'skip or fail', path: 'onBadImage', choices: ['skip', 'fail'] },
  {
    flags: '--checkpoint-every <epochs>',
    about: 'epochs between checkpoints',
    path: 'checkpointEvery',
    parse: number,
  },
  {
    flags: '--keep-checkpoints <n>',
    about: 'newest checkpoints that stay',
    path: 'keepCheckpoints',
    parse: number,
  },
];

/** What `--help` says: the defaults of pretraining. */
function pretrainFlagDefaults(): SettingsLayer {
  return parseSettings({ data: '.' }) as unknown as SettingsLayer;
}

/** Add a flag for every setting to a command; those of pretraining unless others are given. */
export function addSettingFlags(
  command: Command,
  flags: readonly Flag[] = FLAGS,
  defaults: SettingsLayer = pretrainFlagDefaults(),
): Command {
  for (const flag of flags) {
    const option = new Option(flag.flags, flag.about + describeDefault(defaults, flag));
    if (flag.choices !== undefined) option.choices(flag.choices);
    if (flag.parse !== undefined) option.argParser(flag.parse);
    command.addOption(option);
  }
  return command;
}

/** What the help says of a flag's default. It is not given to commander: only what a person typed counts. */
function describeDefault(defaults: SettingsLayer, { path, value }: Flag): string {
  if (value !== undefined) return '';
  const found = getPath(defaults, path);
  if (path === 'tuning') return ' (default: what `maehem doctor --tune` found for the GPU)';
  if (found === undefined) return " (default: the preset's)";
  return found === null ? ' (default: none)' : ` (default: ${found})`;
}

/** The settings that were given as flags on a command line, and no others. */
export function givenSettings(command: Command, flags: readonly Flag[] = FLAGS): SettingsLayer {
  const settings: SettingsLayer = {};
  for (const flag of flags) {
    const name = new Option(flag.flags).attributeName();
    if (command.getOptionValueSource(name) !== 'cli') continue;
    const given: unknown = command.getOptionValue(name);
    // A flag that takes a value and its `--no-…` share a name: what was given is of one of them.
    if ('value' in flag !== (typeof given === 'boolean')) continue;
    setPath(settings, flag.path, 'value' in flag ? flag.value : given);
  }
  return settings;
}
