// Supervised ViT-B from scratch with the paper's recipe (He et al. 2021, appendix A.2, table 11): the baseline that
// pretraining must beat. ViT-L and ViT-H: 200 epochs and a drop path of 0.2. All else are the defaults of `maehem
// finetune` without `--from`, which are table 11's.
export default {
  model: { preset: 'vit-b' },
  optimizer: { baseLr: 1e-4, layerDecay: 1, weightDecay: 0.3, beta1: 0.9, beta2: 0.95, warmupEpochs: 20 },
  ...{ epochs: 300, dropPath: 0.1, labelSmoothing: 0.1, mix: { mixup: 0.8, cutmix: 1 }, ema: 0.9999 },
  // 4,096 images a step.
  ...{ batch: 128, accumulate: 32 },
} satisfies object;
