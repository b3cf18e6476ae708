export { svgToPng } from './svg-to-png.js';
