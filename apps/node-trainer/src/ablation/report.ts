import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Study } from '@maehem/settings';
import type { StudyResults } from './run-study.js';

/** Write what is known so far. @returns the report's path */
export async function writeReport(study: Study, results: StudyResults): Promise<string> {
  await mkdir(study.out, { recursive: true });
  const path = join(study.out, 'results.json');
  await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
  return path;
}
