import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setupCommand } from './installation.js';
import { findProblems, MANIFEST, type Manifest, readManifest } from './manifest.js';

/** What `setupTensorFlow` made, as far as it can be used, and what is wrong with the rest. */
export interface Installations {
  readonly usable: readonly { /** Of the manifest. */ readonly path: string; readonly manifest: Manifest }[];
  readonly problems: readonly string[];
}

/** Everything in the folder of installations, the newest library first. */
export async function readInstallations(root: string): Promise<Installations> {
  const usable: { path: string; manifest: Manifest }[] = [];
  const problems: string[] = [];
  const names = await readdir(root).catch((): string[] => []);
  // A name that starts with a dot is a set-up at work, or what is left of one that was stopped.
  for (const name of names.filter((each) => !each.startsWith('.'))) {
    const path = join(root, name, MANIFEST);
    try {
      const manifest = await readManifest(path);
      const found = await findProblems(path, manifest);
      if (found.length === 0) usable.push({ path, manifest });
      problems.push(...found.map((problem) => `${problem}; run '${setupCommand(manifest.variant)}' again`));
    } catch (error) {
      problems.push(`${(error as Error).message}; remove ${join(root, name)}`);
    }
  }
  return { usable: usable.sort((a, b) => newestFirst(a.manifest, b.manifest)), problems };
}

function newestFirst(a: Manifest, b: Manifest): number {
  return (
    b.libraryVersion.localeCompare(a.libraryVersion, 'en', { numeric: true }) ||
    b.created.localeCompare(a.created)
  );
}
