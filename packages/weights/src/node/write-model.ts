import { mkdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import {
  architectureNote,
  type ExportedModel,
  huggingFaceModel,
  IMAGENET_STATISTICS,
  onnxConfig,
  type PixelStatistics,
  preprocessorConfig,
  referenceModel,
  timmModel,
} from '../export-model.js';
import type { ModelWeights } from '../model-weights.js';
import { exportOnnx } from '../onnx/onnx-file.js';
import { encodeTorch } from '../torch/write-torch.js';
import { WeightsError } from '../weights-error.js';
import { writeSafetensors } from './safetensors-file.js';
import { writeFileAtomic } from './write-file-atomic.js';

/** Where a model may go: names and format. */
export type ModelTarget = 'safetensors' | 'reference' | 'hf' | 'timm' | 'onnx';

/** What was written. */
export interface WrittenModel {
  /** Paths of all files. */
  readonly files: readonly string[];
  /** Tensors that have no place in the target, under the reference's names. */
  readonly dropped: readonly string[];
}

const BY_EXTENSION: Readonly<Record<string, ModelTarget>> = {
  ...{ '.safetensors': 'safetensors', '.pth': 'reference', '.pt': 'reference', '.bin': 'reference' },
  ...{ '.onnx': 'onnx', '': 'hf' },
};

/**
 * What a path asks for: `.safetensors`, `.pth` (the reference's), `.onnx`, or a folder (Hugging Face's).
 * @throws WeightsError for other endings.
 */
export function targetOfPath(path: string): ModelTarget {
  const target = BY_EXTENSION[extname(path).toLowerCase()];
  if (target === undefined)
    throw new WeightsError(
      'of this ending it is not clear what to write: say --to safetensors, reference, hf, timm or onnx',
      {
        file: path,
      },
    );
  return target;
}

/**
 * Write a model for others to read. Each file is written atomically, weights one at a time.
 * - `safetensors`: one file, the reference's names, the architecture among its metadata.
 * - `reference`: a `.pth` `{'model': state_dict, 'epoch': …}`.
 * - `hf`: a folder for transformers: `config.json`, `model.safetensors`, `preprocessor_config.json`.
 * - `timm`: a folder for `timm.create_model('local-dir:PATH', pretrained=True)`, or one `.safetensors`.
 * - `onnx`: one `.onnx`, or a folder for transformers.js.
 * @param statistics of the pixels it was trained on
 * @throws WeightsError when the target has no such model, the file system's error when it can't be written.
 */
export async function writeModel(
  path: string,
  model: ModelWeights,
  target: ModelTarget,
  statistics: PixelStatistics = IMAGENET_STATISTICS,
): Promise<WrittenModel> {
  switch (target) {
    case 'safetensors': {
      const { tensors, dropped } = referenceModel(model);
      await mkdir(dirname(path), { recursive: true });
      await writeSafetensors(path, tensors, { format: 'pt', ...architectureNote(model.architecture) });
      return { files: [path], dropped };
    }
    case 'reference': {
      const { tensors, dropped } = referenceModel(model);
      await mkdir(dirname(path), { recursive: true });
      const epoch = model.notes['epoch'];
      const notes = { ...(epoch === undefined ? {} : { epoch }), ...architectureNote(model.architecture) };
      await writeFileAtomic(path, encodeTorch(tensors, notes));
      return { files: [path], dropped };
    }
    case 'hf':
      return writeFolder(path, huggingFaceModel(model), {
        'preprocessor_config.json': preprocessorConfig(model, statistics),
      });
    case 'timm': {
      const exported = timmModel(model, statistics);
      if (extname(path) !== '.safetensors') return writeFolder(path, exported, {});
      await mkdir(dirname(path), { recursive: true });
      await writeSafetensors(path, exported.tensors, {
        format: 'pt',
        ...architectureNote(model.architecture),
      });
      return { files: [path], dropped: exported.dropped };
    }
    case 'onnx':
      return writeOnnx(path, model, statistics);
  }
}

async function writeFolder(
  folder: string,
  { tensors, config, dropped }: ExportedModel,
  others: Readonly<Record<string, object>>,
): Promise<WrittenModel> {
  await mkdir(folder, { recursive: true });
  const weights = join(folder, 'model.safetensors');
  await writeSafetensors(weights, tensors, { format: 'pt' });
  const written = await writeJsons(folder, { 'config.json': config, ...others });
  return { files: [weights, ...written], dropped };
}

async function writeOnnx(
  path: string,
  model: ModelWeights,
  statistics: PixelStatistics,
): Promise<WrittenModel> {
  const isFile = extname(path) === '.onnx';
  const file = isFile ? path : join(path, 'onnx', 'model.onnx');
  await mkdir(dirname(file), { recursive: true });
  const onnx = exportOnnx(model, { dataName: `${basename(file)}_data` });
  await writeFileAtomic(file, onnx.model());
  const files = [file];
  if (onnx.data !== undefined) {
    const data = join(dirname(file), onnx.data.name);
    await writeFileAtomic(data, onnx.data.bytes());
    files.push(data);
  }
  if (!isFile)
    files.push(
      ...(await writeJsons(path, {
        'config.json': onnxConfig(model),
        'preprocessor_config.json': preprocessorConfig(model, statistics),
      })),
    );
  return {
    files,
    dropped: Object.keys(model.tensors).filter((name) => name.includes('decoder') || name === 'mask_token'),
  };
}

async function writeJsons(folder: string, jsons: Readonly<Record<string, object>>): Promise<string[]> {
  const files: string[] = [];
  for (const [name, json] of Object.entries(jsons)) {
    const file = join(folder, name);
    await writeFileAtomic(file, [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)]);
    files.push(file);
  }
  return files;
}
