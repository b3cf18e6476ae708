// Fine-tuning a small encoder on a few thousand labels, in minutes on a CPU: a higher rate, and little of what keeps
// large models from overfitting. finetune.md says what it gives.
export default {
  ...{ batch: 32, epochs: 20, dropPath: 0, labelSmoothing: 0.1, mix: { mixup: 0, cutmix: 0 }, ema: null },
  optimizer: { baseLr: 8e-3, warmupEpochs: 1, layerDecay: 0.75, clipNorm: 1 },
  augment: { minScale: 0.5, randAugment: null, erasing: 0 },
} satisfies object;
