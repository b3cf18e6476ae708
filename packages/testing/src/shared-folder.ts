import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A folder of the reference data that lies beside the checkout on developers' machines (or where
 * MAEHEM_SHARED says), or `undefined`: users have none, and tests that need it skip.
 */
export function sharedFolder(name: string): string | undefined {
  const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
  const folder = join(process.env['MAEHEM_SHARED'] ?? join(repository, '..', 'shared'), name);
  return existsSync(folder) ? folder : undefined;
}
