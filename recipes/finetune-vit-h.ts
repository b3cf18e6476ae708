// The reference's end-to-end fine-tuning of ViT-H (its FINETUNE.md; He et al. 2021, table 9): what it takes, and what to
// expect, is in finetune.md. All else are the defaults of `maehem finetune --from`, which are table 9's.
export default {
  optimizer: {
    baseLr: 1e-3,
    layerDecay: 0.75,
    weightDecay: 0.05,
    beta1: 0.9,
    beta2: 0.999,
    minLr: 1e-6,
    warmupEpochs: 5,
  },
  ...{ epochs: 50, dropPath: 0.3, labelSmoothing: 0.1, mix: { mixup: 0.8, cutmix: 1 }, pooling: 'mean' },
  augment: { minScale: 0.08, erasing: 0.25, randAugment: { magnitude: 9, magnitudeStd: 0.5 } },
  // 1,024 images a step; what of it fits the memory at once goes into `batch`.
  ...{ batch: 128, accumulate: 8 },
} satisfies object;
