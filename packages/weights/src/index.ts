export {
  ARCHITECTURE_NOTE,
  type Architecture,
  type ArchitectureHints,
  assertKnown,
  type DecoderArchitecture,
  decoderHeads,
  type KnownArchitecture,
} from './architecture.js';
export { type ByteSource, blobSource, bytesSource } from './byte-source.js';
export {
  type ExportedModel,
  huggingFaceModel,
  IMAGENET_STATISTICS,
  missingTensors,
  type PixelStatistics,
  timmModel,
} from './export-model.js';
export { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.js';
export {
  bytesPerElement,
  type Dtype,
  type DtypeArrays,
  elementCount,
  type HostTensor,
  hostTensor,
  type Named,
  type TensorSpec,
} from './host-tensor.js';
export { type FileFolder, openModelFile, openModelFolder } from './model-folder.js';
export { type ModelWeights, readModel } from './model-weights.js';
export type { Dialect } from './names/dialect.js';
export { toHuggingFace } from './names/hugging-face.js';
export {
  assertSameNames,
  compareNames,
  loadIntoTree,
  type NameReport,
  nameTensors,
  type ReshapedName,
  type Shaped,
  TensorMismatchError,
} from './reference-names.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  layoutSafetensors,
  type Safetensors,
  type SafetensorsLayout,
} from './safetensors.js';
export { SafetensorsError } from './safetensors-error.js';
export { parseSafetensorsHeader, type SafetensorsHeader, type TensorInfo } from './safetensors-header.js';
export { lazyTensor, loadTensor, type TensorSource } from './tensor-source.js';
export { encodeTorch } from './torch/write-torch.js';
export { floatValues, integerValues } from './values.js';
export { PickleError, WeightsError, type WeightsErrorPlace, ZipError } from './weights-error.js';
export { type Note, openWeights, type WeightsFile } from './weights-file.js';
