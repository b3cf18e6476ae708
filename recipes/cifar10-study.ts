// The CIFAR-10 study that two CPU cores allow: what it shows, and how long it takes, is in cifar10-study.md.
//
//     maehem ablate DATA --config recipes/cifar10-study.ts --out runs/cifar10-study
//
// 30,000 unlabelled images to pretrain on, 1,000 labels, 5,000 test images, a model of 0.2 M parameters, three seeds.

export default {
  title: 'CIFAR-10 on two CPU cores',
  backend: 'auto',
  seeds: [0, 1, 2],
  pretrain: {
    // Patches of 4 x 4 leave 16 of 64 to see; patches of 8 x 8 left 4 of 16, and taught nothing that fine-tuning could use.
    model: {
      preset: 'small',
      patchSize: 4,
      dim: 64,
      depth: 3,
      heads: 4,
      decoderDim: 48,
      decoderDepth: 1,
      decoderHeads: 4,
    },
    ...{ trainImages: 30_000, batch: 64, epochs: 6, checkpointEvery: 2, normPix: true },
    optimizer: { baseLr: 8e-3, warmupEpochs: 0.1, clipNorm: 1 },
    augment: { minScale: 0.5 },
  },
  probe: { methods: ['linear', 'knn'], trainImages: 5000, testImages: 5000 },
  // Weak augmentation and little regularisation suit a model this small; tables 9 and 11 are for ViT-B and up.
  finetune: {
    ...{ trainImages: 1000, testImages: 5000, batch: 64, epochs: 30, evaluateEvery: 10, checkpointEvery: 10 },
    optimizer: {
      baseLr: 8e-3,
      warmupEpochs: 3,
      layerDecay: 0.75,
      clipNorm: 1,
      beta2: 0.999,
      weightDecay: 0.05,
    },
    ...{ mix: { mixup: 0, cutmix: 0 }, dropPath: 0, labelSmoothing: 0.1, ema: null },
    augment: { minScale: 0.5, randAugment: null, erasing: 0 },
  },
  finetuneVariants: 'default',
  partial: [0.5, 1],
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
