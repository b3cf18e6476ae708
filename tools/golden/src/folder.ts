import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from './comparison.js';
import { type MaeCaseConfig, runMaeCase } from './mae-case.js';
import { type GoldenSchedules, runPieces, runSchedules } from './pieces-case.js';
import { type NamedHostTensors, readTensors } from './tensors.js';
import { runVitCase } from './vit-case.js';

/** What a folder gave: comparisons, and the files that no case here covers. */
export interface FolderResult {
  readonly comparisons: Comparison[];
  readonly uncovered: string[];
}

/**
 * Run every case of a folder in the golden format: `mae_*` and `vit_*` with `.safetensors` and
 * `.io.safetensors`, `pieces.safetensors`, `schedules.json`.
 * @throws when the folder is missing, or holds no case at all.
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
  for (const name of caseNames(files, 'mae_')) {
    const config = json(`${name}.json`) as MaeCaseConfig;
    const weights = tensors(`${name}.safetensors`);
    comparisons.push(...(await runMaeCase({ name, config, weights, io: tensors(`${name}.io.safetensors`) })));
  }
  for (const name of caseNames(files, 'vit_')) {
    const weights = tensors(`${name}.safetensors`);
    const io = tensors(`${name}.io.safetensors`);
    const config = files.includes(`${name}.json`) ? (json(`${name}.json`) as { num_heads?: number }) : {};
    const groups = files.includes(`${name}.groups.json`) ? { groups: json(`${name}.groups.json`) as never } : {};
    const heads = config.num_heads === undefined ? {} : { heads: config.num_heads };
    comparisons.push(...runVitCase({ name, weights, io, ...heads, ...groups }));
  }
  if (files.includes('pieces.safetensors')) comparisons.push(...runPieces(tensors('pieces.safetensors')));
  if (files.includes('schedules.json')) comparisons.push(...runSchedules(json('schedules.json') as GoldenSchedules));
  if (comparisons.length === 0)
    throw new Error(`${folder} holds no golden case; looked for mae_*, vit_* (with .io.safetensors), pieces.safetensors, schedules.json`);
  const uncovered = files.filter((file) => !covered.has(file) && file !== 'README.md');
  return { comparisons, uncovered };
}

/** `mae_a` where `mae_a.safetensors` and `mae_a.io.safetensors` lie side by side. */
function caseNames(files: readonly string[], prefix: string): string[] {
  return files
    .filter((file) => file.startsWith(prefix) && file.endsWith('.io.safetensors'))
    .map((file) => file.slice(0, -'.io.safetensors'.length))
    .filter((name) => files.includes(`${name}.safetensors`));
}
