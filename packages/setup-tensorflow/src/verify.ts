import { dirname, join } from 'node:path';
import { sha256File } from './checksum.js';
import { installationOf, type Manifest } from './manifest.js';
import { proveTensorFlow } from './prove.js';

/** Is an installation as it was made, and does it compute? @returns what is wrong */
export async function verifyInstallation(path: string, manifest: Manifest): Promise<string | undefined> {
  for (const file of manifest.files) {
    const actual = await sha256File(join(dirname(path), file.path));
    if (actual !== file.sha256) return `${file.path} has changed (SHA-256 ${actual}, was ${file.sha256})`;
  }
  return proveTensorFlow(installationOf(path, manifest).packageDir).then(
    () => undefined,
    (error: Error) => error.message,
  );
}
