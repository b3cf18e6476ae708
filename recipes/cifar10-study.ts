// The CIFAR-10 study that two CPU cores allow: what it shows, and how long it takes, is in cifar10-study.md.
//
//     maehem ablate DATA --config recipes/cifar10-study.ts --out runs/cifar10-study
//
// 5,000 unlabelled images to pretrain on, 1,000 labels, 2,000 test images, a model of 0.2 M parameters, three seeds.

const LABELS = 1000;

export default {
  title: 'CIFAR-10 on two CPU cores',
  backend: 'wasm',
  seeds: [0, 1, 2],
  pretrain: {
    model: {
      preset: 'small',
      patchSize: 8,
      dim: 64,
      depth: 3,
      heads: 4,
      decoderDim: 48,
      decoderDepth: 1,
      decoderHeads: 4,
    },
    ...{ trainImages: 5000, batch: 32, epochs: 8, checkpointEvery: 4, normPix: true },
    optimizer: { baseLr: 12e-3, warmupEpochs: 0.3, clipNorm: 1 },
    augment: { minScale: 0.5 },
  },
  probe: { methods: ['linear', 'knn'], trainImages: LABELS, testImages: 2000 },
  // Weak augmentation and little regularisation suit a model this small; tables 9 and 11 are for ViT-B and up.
  finetune: {
    ...{ trainImages: LABELS, testImages: 2000, batch: 32, epochs: 10, evaluateEvery: 5, checkpointEvery: 5 },
    optimizer: {
      baseLr: 8e-3,
      warmupEpochs: 1,
      layerDecay: 0.75,
      clipNorm: 1,
      beta2: 0.999,
      weightDecay: 0.05,
    },
    ...{ mix: { mixup: 0, cutmix: 0 }, dropPath: 0, labelSmoothing: 0.1, ema: null },
    augment: { minScale: 0.5, randAugment: null, erasing: 0 },
  },
  finetuneVariants: 'default',
  partial: [0.5],
  untrained: true,
  scratch: [
    { name: 'from scratch, same labels', finetune: { optimizer: { layerDecay: 1 } } },
    { name: 'from scratch, same compute', finetune: { optimizer: { layerDecay: 1 } }, sameCompute: true },
  ],
  tables: [
    {
      name: 'Mask sampling (table 1f)',
      variants: [
        { name: 'random 75 %', paper: { finetune: 84.9, linear: 73.5 } },
        {
          name: 'block 75 %',
          pretrain: { mask: { strategy: 'block' } },
          paper: { finetune: 82.8, linear: 63.9 },
        },
        {
          name: 'grid 75 %',
          pretrain: { mask: { strategy: 'grid' } },
          paper: { finetune: 84.0, linear: 66.0 },
        },
      ],
    },
    {
      name: 'Masking ratio (figure 5)',
      variants: [
        { name: '25 %', pretrain: { mask: { ratio: 0.25 } } },
        { name: '75 %', paper: { finetune: 84.9, linear: 73.5 } },
      ],
    },
    {
      name: 'Reconstruction target (table 1d)',
      variants: [
        { name: 'pixels', pretrain: { normPix: false }, paper: { finetune: 84.9, linear: 73.5 } },
        { name: 'pixels, normalised', paper: { finetune: 85.4, linear: 73.9 } },
      ],
    },
  ],
} satisfies object;
