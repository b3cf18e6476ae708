// ViT-T with patches of 2 x 2 on CIFAR-10, 2,000 epochs: see cifar10-vit-t.md.
export default {
  model: { preset: 'cifar', patchSize: 2 },
  ...{ normPix: false, normalise: 'half', epochs: 2000, batch: 512, accumulate: 8 },
  optimizer: { baseLr: 1.5e-4, warmupEpochs: 200, weightDecay: 0.05, beta1: 0.9, beta2: 0.95 },
  augment: { crop: false, flip: false },
  checkpointEvery: 20,
} satisfies object;
