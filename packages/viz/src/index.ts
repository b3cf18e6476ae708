export { type DotPlotGroup, type DotPlotOptions, type DotPlotRow, dotPlot } from './dot-plot.js';
export { type CurveSeries, type LossCurveOptions, lossCurve } from './loss-curve.js';
export { type MosaicOptions, mosaic } from './mosaic.js';
export { type PcaColours, pcaColours } from './pca-colours.js';
export { encodePng } from './png.js';
export {
  type Reconstruction,
  type ReconstructionStages,
  reconstructionMosaic,
  reconstructionStages,
} from './reconstruction.js';
export { enlarge, filled, paste, type Rgb, type RgbaImage } from './rgba-image.js';
export { sparkline, terminalCurve, terminalImage } from './terminal.js';
export { type PixelFormat, toRgba } from './to-rgba.js';
