import { constants } from 'node:fs';
import { copyFile, link, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * On the same disk a second name for the file, which costs nothing and outlives the first; on another disk what
 * `otherwise` does, a copy by default.
 */
export async function linkOrCopy(
  file: string,
  folder: string,
  otherwise = (source: string, target: string): Promise<void> =>
    copyFile(source, target, constants.COPYFILE_FICLONE),
): Promise<void> {
  const source = await realpath(file);
  const target = join(folder, basename(file));
  await link(source, target).catch(() => otherwise(source, target));
}
