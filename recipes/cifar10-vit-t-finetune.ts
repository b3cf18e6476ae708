// ViT-T with patches of 2 x 2 on CIFAR-10, 100 epochs with labels, pretrained or from scratch: see cifar10-vit-t.md.
export default {
  ...{ pooling: 'class', epochs: 100, batch: 128, normalise: 'half', evaluateEvery: 5, checkpointEvery: 5 },
  optimizer: { baseLr: 1e-3, minLr: 0, warmupEpochs: 5, weightDecay: 0.05, layerDecay: 1, beta2: 0.999 },
  ...{ mix: { mixup: 0, cutmix: 0 }, dropPath: 0, labelSmoothing: 0, ema: null },
  augment: { crop: false, flip: false, randAugment: null, erasing: 0 },
} satisfies object;
