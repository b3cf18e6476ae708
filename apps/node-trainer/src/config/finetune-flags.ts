import {
  BACKENDS,
  MODEL_PRESETS,
  PRECISIONS,
  parseFinetuneSettings,
  type SettingsLayer,
  XLA,
} from '@maehem/settings';
import { blocksToRecompute, type Flag, number, size } from './flags.js';

/** Every setting of fine-tuning as a flag. */
export const FINETUNE_FLAGS: readonly Flag[] = [
  {
    flags: '--from <weights>',
    about:
      'a run, a checkpoint, or a file of weights (safetensors, .pth, Hugging Face); from scratch without',
    path: 'from',
  },
  {
    flags: '--data-kind <kind>',
    about: 'what the data folder holds',
    path: 'dataKind',
    choices: ['auto', 'folder', 'mnist', 'cifar10'],
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
  { flags: '--seed <n>', about: 'decides head, order, augmentation and mixing', path: 'seed', parse: number },
  {
    flags: '--model <preset>',
    about: 'from scratch: model preset',
    path: 'model.preset',
    choices: MODEL_PRESETS,
  },
  {
    flags: '--image-size <size>',
    about: "pixels, 32 or 32x48; the checkpoint's unless given, positions are interpolated",
    path: 'model.imageSize',
    parse: size,
  },
  {
    flags: '--patch-size <size>',
    about: 'from scratch: pixels of a patch',
    path: 'model.patchSize',
    parse: size,
  },
  { flags: '--channels <n>', about: 'from scratch: 1 or 3', path: 'model.channels', parse: number },
  { flags: '--dim <n>', about: 'from scratch: width', path: 'model.dim', parse: number },
  { flags: '--depth <n>', about: 'from scratch: blocks', path: 'model.depth', parse: number },
  {
    flags: '--heads <n>',
    about: 'from scratch, or of a file that leaves them open',
    path: 'model.heads',
    parse: number,
  },
  {
    flags: '--pooling <what>',
    about: 'mean over patches, or the class token',
    path: 'pooling',
    choices: ['mean', 'class'],
  },
  {
    flags: '--tune-blocks <n>',
    about: 'train the last n blocks only; 0.5 is an MLP',
    path: 'tunedBlocks',
    parse: number,
  },
  { flags: '--train-images <n>', about: 'at most so many labels', path: 'trainImages', parse: number },
  { flags: '--test-images <n>', about: 'at most so many test images', path: 'testImages', parse: number },
  { flags: '--batch <n>', about: 'images in a forward pass', path: 'batch', parse: number },
  { flags: '--accumulate <n>', about: 'forward passes in a step', path: 'accumulate', parse: number },
  { flags: '--epochs <n>', about: 'passes over the data', path: 'epochs', parse: number },
  {
    flags: '--lr <rate>',
    about: 'learning rate for a batch of 256',
    path: 'optimizer.baseLr',
    parse: number,
  },
  { flags: '--min-lr <rate>', about: 'learning rate at the end', path: 'optimizer.minLr', parse: number },
  { flags: '--warmup-epochs <n>', about: 'linear warm-up', path: 'optimizer.warmupEpochs', parse: number },
  { flags: '--weight-decay <n>', about: 'AdamW weight decay', path: 'optimizer.weightDecay', parse: number },
  {
    flags: '--layer-decay <n>',
    about: 'factor on the rate, layer by layer down',
    path: 'optimizer.layerDecay',
    parse: number,
  },
  { flags: '--clip-norm <n>', about: 'largest gradient norm', path: 'optimizer.clipNorm', parse: number },
  {
    flags: '--drop-path <rate>',
    about: 'stochastic depth at the last block',
    path: 'dropPath',
    parse: number,
  },
  { flags: '--mixup <alpha>', about: '0 for none', path: 'mix.mixup', parse: number },
  { flags: '--cutmix <alpha>', about: '0 for none', path: 'mix.cutmix', parse: number },
  {
    flags: '--label-smoothing <n>',
    about: 'share of all classes in a target',
    path: 'labelSmoothing',
    parse: number,
  },
  { flags: '--ema <decay>', about: "decay of the weights' average", path: 'ema', parse: number },
  { flags: '--no-crop', about: 'no random resized crop', path: 'augment.crop', value: false },
  {
    flags: '--min-scale <fraction>',
    about: 'smallest area of a random crop',
    path: 'augment.minScale',
    parse: number,
  },
  { flags: '--no-flip', about: 'no horizontal flip', path: 'augment.flip', value: false },
  { flags: '--no-rand-augment', about: 'no RandAugment', path: 'augment.randAugment', value: null },
  { flags: '--erasing <chance>', about: 'random erasing', path: 'augment.erasing', parse: number },
  {
    flags: '--normalise <name>',
    about: "channel means and deviations; auto: the checkpoint's",
    path: 'normalise',
    choices: ['auto', 'imagenet', 'cifar10', 'mnist', 'half'],
  },
  { flags: '--on-bad-image <what>', about: 'skip or fail', path: 'onBadImage', choices: ['skip', 'fail'] },
  { flags: '--evaluate-every <epochs>', about: 'epochs between tests', path: 'evaluateEvery', parse: number },
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

/** What `--help` says: the defaults of fine-tuning. */
export function finetuneFlagDefaults(): SettingsLayer {
  return parseFinetuneSettings({ data: '.', from: '.' }) as unknown as SettingsLayer;
}
