import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from './comparison.js';
import { runHuggingFaceCase } from './hugging-face-case.js';
import { runImageCase } from './image-case.js';
import { type MaeCaseConfig, runMaeCase } from './mae-case.js';
import { type GoldenSchedules, runPieces, runSchedules } from './pieces-case.js';
import { type NamedHostTensors, readTensors } from './tensors.js';
import { runTorchCase } from './torch-case.js';
import { runVitCase } from './vit-case.js';

/** What a folder gave: comparisons, and the files that no case here covers. */
export interface FolderResult {
  readonly comparisons: Comparison[];
  readonly uncovered: string[];
}

/**
 * Run every case of a folder in the golden format: `mae_*` and `vit_*` with `.safetensors` and
 * `.io.safetensors`, a `.pth` beside either, folders of Hugging Face with an `io.safetensors`, `pieces.safetensors`,
 * `schedules.json`, `image.safetensors` with `image.png`.
 * @throws when the folder is missing or holds no case at all, or a file is broken or lacks a tensor; the
 * message names the folder or the case.
 */
export async function runFolder(folder: string): Promise<FolderResult> {
  if (!existsSync(folder)) throw new Error(`golden folder ${folder} does not exist`);
  const files = readdirSync(folder).sort();
  const at = (file: string): string => join(folder, file);
  const comparisons: Comparison[] = [];
  const covered = new Set<string>();
  const tensors = (file: string): NamedHostTensors => {
    covered.add(file);
    return readTensors(at(file));
  };
  const json = (file: string): unknown => {
    covered.add(file);
    return JSON.parse(readFileSync(at(file), 'utf8'));
  };
  const runTorch = async (name: string, weights: NamedHostTensors): Promise<Comparison[]> => {
    const file = `${name}.pth`;
    if (!files.includes(file)) return [];
    covered.add(file);
    return named(file, () => runTorchCase(file, at(file), weights));
  };
  for (const name of caseNames(files, 'mae_')) {
    const config = json(`${name}.json`) as MaeCaseConfig;
    const weights = tensors(`${name}.safetensors`);
    const io = tensors(`${name}.io.safetensors`);
    comparisons.push(...(await named(name, () => runMaeCase({ name, config, weights, io }))));
    comparisons.push(...(await runTorch(name, weights)));
  }
  for (const name of caseNames(files, 'vit_')) {
    const weights = tensors(`${name}.safetensors`);
    const io = tensors(`${name}.io.safetensors`);
    const config = files.includes(`${name}.json`) ? (json(`${name}.json`) as { num_heads?: number }) : {};
    const groups = files.includes(`${name}.groups.json`)
      ? { groups: json(`${name}.groups.json`) as never }
      : {};
    const heads = config.num_heads === undefined ? {} : { heads: config.num_heads };
    comparisons.push(...(await named(name, () => runVitCase({ name, weights, io, ...heads, ...groups }))));
    comparisons.push(...(await runTorch(name, weights)));
  }
  for (const name of files.filter((file) => isHuggingFaceCase(at(file)))) {
    covered.add(name);
    const io = readTensors(join(at(name), 'io.safetensors'));
    comparisons.push(...(await named(name, () => runHuggingFaceCase({ name, folder, io }))));
  }
  if (files.includes('pieces.safetensors')) {
    const pieces = tensors('pieces.safetensors');
    comparisons.push(...(await named('pieces', () => runPieces(pieces))));
  }
  if (files.includes('schedules.json'))
    comparisons.push(...runSchedules(json('schedules.json') as GoldenSchedules));
  if (files.includes('image.safetensors') && files.includes('image.png')) {
    const images = tensors('image.safetensors');
    covered.add('image.png');
    comparisons.push(...(await named('image', () => runImageCase(at('image.png'), images))));
  }
  if (comparisons.length === 0)
    throw new Error(
      `${folder} holds no golden case; looked for mae_*, vit_* (with .io.safetensors), pieces.safetensors, schedules.json, image.safetensors with image.png`,
    );
  const uncovered = files.filter((file) => !covered.has(file) && file !== 'README.md');
  return { comparisons, uncovered };
}

/** Run a case; what it throws names it. */
async function named<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A model's folder, and the inputs and outputs of that model. */
function isHuggingFaceCase(path: string): boolean {
  return ['config.json', 'model.safetensors', 'io.safetensors'].every((file) => existsSync(join(path, file)));
}

/** `mae_a` where `mae_a.safetensors` and `mae_a.io.safetensors` lie side by side. */
function caseNames(files: readonly string[], prefix: string): string[] {
  return files
    .filter((file) => file.startsWith(prefix) && file.endsWith('.io.safetensors'))
    .map((file) => file.slice(0, -'.io.safetensors'.length))
    .filter((name) => files.includes(`${name}.safetensors`));
}
