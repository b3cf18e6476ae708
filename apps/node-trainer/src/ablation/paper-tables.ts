import type { MaeConfig } from '@maehem/mae';
import type { AblationTable, PaperFigures, Variant } from '@maehem/settings';

// He et al. 2021 (arXiv 2111.06377), table 1 and figure 5: ViT-L/16, ImageNet-1K, 800 epochs, accuracy in per cent after
// fine-tuning and by linear probing. Widths and depths of the decoder are the paper's own; `paperTables` fits widths to
// smaller models. Checked against third-party transcriptions, not against the paper itself: 1d, 1f and most of 1a, 1c and
// 1e agree; of 1b and of figure 5, whose points are labels in a plot, only the default and the least ratio were found.

type Row = readonly [name: string, pretrain: Variant['pretrain'], finetune: number, linear: number];

function table(name: string, rows: readonly Row[]): AblationTable {
  return {
    name,
    variants: rows.map(([variant, pretrain, finetune, linear]) => {
      const paper: PaperFigures = { finetune, linear };
      return { name: variant, pretrain, paper };
    }),
  };
}

/** The paper's default is the study's: 75 % random, the study's decoder, normalised pixels, crops of random size. */
const DEFAULT = {};

/** Decoder width in the paper. */
const PAPER_WIDTH = 512;

/**
 * The paper's ablations over a model.
 * @param model decoder widths are the paper's shares of its own 512: a quarter, a half, all, one and a half, twice
 */
export function paperTables(model: MaeConfig): Readonly<Record<string, AblationTable>> {
  const width = (paper: number): { model?: { decoderDim: number } } => {
    const step = 4 * model.decoderHeads;
    const fitted = Math.max(step, Math.round((paper / PAPER_WIDTH) * (model.decoderDim / step)) * step);
    return fitted === model.decoderDim ? DEFAULT : { model: { decoderDim: fitted } };
  };
  const depth = (blocks: number): { model?: { decoderDepth: number } } =>
    blocks === model.decoderDepth ? DEFAULT : { model: { decoderDepth: blocks } };
  const ratio = (value: number) => (value === 0.75 ? DEFAULT : { mask: { ratio: value } });
  return {
    depth: table('Decoder depth (table 1a)', [
      ['1 block', depth(1), 84.8, 65.5],
      ['2 blocks', depth(2), 84.9, 70.0],
      ['4 blocks', depth(4), 84.9, 71.9],
      ['8 blocks', depth(8), 84.9, 73.5],
      ['12 blocks', depth(12), 84.4, 73.3],
    ]),
    width: table('Decoder width (table 1b)', [
      ['1/4 (128)', width(128), 84.9, 69.1],
      ['1/2 (256)', width(256), 84.8, 71.3],
      ['1 (512)', width(512), 84.9, 73.5],
      ['1.5 (768)', width(768), 84.4, 73.1],
      ['2 (1024)', width(1024), 84.3, 73.1],
    ]),
    'mask-token': table('Mask token (table 1c)', [
      ['encoder with [M]', { model: { encoderMaskTokens: true } }, 84.2, 59.6],
      ['encoder without [M]', DEFAULT, 84.9, 73.5],
    ]),
    // The paper's default target in its ablations is unnormalised pixels.
    target: table('Reconstruction target (table 1d)', [
      ['pixels', { normPix: false }, 84.9, 73.5],
      ['pixels, normalised', { normPix: true }, 85.4, 73.9],
      ['PCA', { normPix: false, target: 'pca' }, 84.6, 72.3],
      ['low frequencies', { normPix: false, target: 'low-pass' }, Number.NaN, Number.NaN],
    ]),
    augmentation: table('Data augmentation (table 1e)', [
      ['none', { augment: { crop: false, flip: false } }, 84.0, 65.7],
      ['crop, fixed size', { augment: { crop: 'fixed' } }, 84.7, 73.1],
      ['crop, random size', DEFAULT, 84.9, 73.5],
      ['crop + colour jitter', { augment: { colourJitter: 0.4 } }, 84.3, 71.9],
    ]),
    sampling: table('Mask sampling (table 1f)', [
      ['random 75 %', DEFAULT, 84.9, 73.5],
      ['block 50 %', { mask: { strategy: 'block', ratio: 0.5 } }, 83.9, 72.3],
      ['block 75 %', { mask: { strategy: 'block' } }, 82.8, 63.9],
      ['grid 75 %', { mask: { strategy: 'grid' } }, 84.0, 66.0],
    ]),
    ratio: table('Masking ratio (figure 5)', [
      ['10 %', ratio(0.1), 83.2, 54.6],
      ['20 %', ratio(0.2), 83.4, 58.9],
      ['30 %', ratio(0.3), 83.4, 61.7],
      ['40 %', ratio(0.4), 84.7, 67.0],
      ['50 %', ratio(0.5), 84.9, 69.9],
      ['60 %', ratio(0.6), 85.0, 71.8],
      ['70 %', ratio(0.7), 84.9, 73.2],
      ['75 %', ratio(0.75), 84.9, 73.5],
      ['80 %', ratio(0.8), 84.5, 71.8],
      ['90 %', ratio(0.9), 83.0, 66.1],
    ]),
  };
}

/** The names of the paper's ablations. */
export const PAPER_TABLES: readonly string[] = [
  ...['depth', 'width', 'mask-token', 'target', 'augmentation', 'sampling', 'ratio'],
];
