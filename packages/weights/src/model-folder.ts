import { type ArchitectureHints, hintsOfConfig } from './architecture.js';
import type { ByteSource } from './byte-source.js';
import { definedOnly, type ModelWeights, readModel } from './model-weights.js';
import { named } from './safetensors.js';
import type { TensorSource } from './tensor-source.js';
import { WeightsError } from './weights-error.js';
import { openWeights, type WeightsFile } from './weights-file.js';

/** A folder of files, on disk or dropped on a page. */
export interface FileFolder {
  /** What to call it in errors. */
  readonly name: string;
  /** The names of its files. */
  readonly files: readonly string[];
  readonly open: (file: string) => Promise<ByteSource>;
}

/** The files that hold the weights of a folder, the best first. */
const MODEL_FILES: readonly string[] = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];
/** The files that describe them: transformers' and timm's, and that of a training run here. */
const CONFIG_FILES = ['config.json', 'state.json'];
/** Longest JSON file that is read. */
const MAX_JSON_BYTES = 50_000_000;

/**
 * Open a model's folder: Hugging Face's, timm's, or a checkpoint of a run. What `config.json` or `state.json` says goes
 * before what the tensors suggest, and `hints` before both.
 * @throws WeightsError when it holds no weights, or broken ones; the message lists what was looked for.
 */
export async function openModelFolder(
  folder: FileFolder,
  hints: ArchitectureHints = {},
): Promise<ModelWeights> {
  const file = MODEL_FILES.find((name) => folder.files.includes(name));
  if (file === undefined)
    throw new WeightsError(`it holds no weights; looked for ${MODEL_FILES.join(', ')}`, {
      file: folder.name,
      value: folder.files.slice(0, 20),
    });
  return openModelFile(folder, file, hints);
}

/**
 * Open one file of a folder, with what the folder says about it.
 * @throws WeightsError as `openModelFolder` does.
 */
export async function openModelFile(
  folder: FileFolder,
  file: string,
  hints: ArchitectureHints = {},
): Promise<ModelWeights> {
  const weights = file.endsWith('.index.json')
    ? await openShards(folder, file)
    : await openWeights(await folder.open(file));
  // A config beside a file of another name may be that of another model.
  return readModel(weights, {
    ...(MODEL_FILES.includes(file) ? await folderHints(folder) : {}),
    ...definedOnly(hints),
  });
}

async function folderHints(folder: FileFolder): Promise<ArchitectureHints> {
  const config = CONFIG_FILES.find((name) => folder.files.includes(name));
  return config === undefined ? {} : definedOnly(hintsOfConfig(await readJson(await folder.open(config))));
}

/**
 * Weights in several files: `model.safetensors.index.json` says which file has which tensor.
 * @throws WeightsError when a file is missing, or lacks a tensor that the index promises.
 */
async function openShards(folder: FileFolder, index: string): Promise<WeightsFile> {
  const source = await folder.open(index);
  const json = await readJson(source);
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null)
    throw new WeightsError('it has no weight_map', { file: source.name });
  const shards = new Map<string, WeightsFile>();
  const tensors: [string, TensorSource][] = [];
  for (const [tensor, file] of Object.entries(map)) {
    // Names like ../../secret would leave the folder.
    if (typeof file !== 'string' || !folder.files.includes(file))
      throw new WeightsError('it names a file that is not beside it', {
        file: source.name,
        tensor,
        value: file,
      });
    const shard = shards.get(file) ?? (await openWeights(await folder.open(file)));
    shards.set(file, shard);
    const found = shard.tensors[tensor];
    if (found === undefined)
      throw new WeightsError(`it lacks a tensor that ${index} says it has`, { file: shard.name, tensor });
    tensors.push([tensor, found]);
  }
  return { name: source.name, format: 'sharded safetensors', tensors: named(tensors), notes: {} };
}

async function readJson(source: ByteSource): Promise<unknown> {
  if (source.size > MAX_JSON_BYTES)
    throw new WeightsError('it is too large for JSON', { file: source.name, value: source.size });
  try {
    return JSON.parse(new TextDecoder().decode(await source.read(0, source.size)));
  } catch (cause) {
    throw new WeightsError(`it is not JSON: ${(cause as Error).message.slice(0, 200)}`, {
      file: source.name,
      cause,
    });
  }
}
