export { loadCifar10, loadCifar100, loadMnist, type Split } from './binary-sets.js';
export { type DecodeOptions, decodeImage, decodeImageFile } from './decode.js';
export { IMAGE_EXTENSIONS, type ImageFolderOptions, openImageFolder } from './image-folder.js';
export { type DatasetKind, type OpenDatasetOptions, openDataset } from './open-dataset.js';
