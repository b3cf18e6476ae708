import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * NVIDIA's wheels lay their files out as `nvidia/PART/lib`.
 * @param nvidia the folder `nvidia`, which need not be there
 */
export async function nvidiaLibraryFolders(nvidia: string): Promise<string[]> {
  const parts = await readdir(nvidia).catch((): string[] => []);
  return parts.sort().map((part) => join(nvidia, part, 'lib'));
}
