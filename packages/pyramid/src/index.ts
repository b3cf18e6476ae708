export { convolution } from './convolution.js';
export { type FeatureMap, featureMap } from './feature-map.js';
export {
  featurePyramid,
  initPyramid,
  type Level,
  type Pyramid,
  type PyramidConfig,
  type PyramidMaps,
} from './pyramid.js';
export { doubleResolution, halveResolution, repeatTokens } from './resample.js';
export { initSegmenter, meanIntersectionOverUnion, type Segmenter, segment } from './segmentation.js';
