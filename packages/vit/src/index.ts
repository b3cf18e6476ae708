export { type Attention, attentionMap, initAttention, selfAttention } from './attention.js';
export { type Block, type BlockDropPath, type BlockShape, block, initBlock } from './block.js';
export {
  type Classifier,
  type ClassifierConfig,
  classify,
  initClassifier,
  type Pooling,
} from './classifier.js';
export { assertVitConfig, patchValues, tokenCount, type VitConfig } from './config.js';
export { blocksFlops, blocksParameters, encoderFlops, encoderParameters } from './count.js';
export { dropPath, dropPathFactors } from './drop-path.js';
export { initBlocks, transformer } from './encoder.js';
export { normalInit, xavierUniform } from './initializers.js';
export { initLayerNorm, initLinear } from './linear.js';
export { initMlp, type Mlp, mlp } from './mlp.js';
export { initPatchEmbed, type PatchEmbed, patchEmbed } from './patch-embed.js';
export { initPositionEmbedding } from './position-embedding.js';
export { VIT_PRESETS, type VitPreset, vitPreset } from './presets.js';
export {
  blockShapes,
  classifierShapes,
  linearShapes,
  normShapes,
  type ParameterShapes,
  trunkShapes,
} from './shapes.js';
