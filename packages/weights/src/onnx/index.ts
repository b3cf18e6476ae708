export { exportOnnx, type OnnxExport } from './onnx-file.js';
