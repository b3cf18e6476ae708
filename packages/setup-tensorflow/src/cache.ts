import { homedir } from 'node:os';
import { join } from 'node:path';

/** What decides where the cache is; the running process and machine where nothing is said. */
interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
}

/**
 * Where MAEhem keeps what is large and can be made again: `MAEHEM_CACHE` when that is set, else a folder `maehem` in
 * the place that the system has for it (XDG_CACHE_HOME or ~/.cache, ~/Library/Caches, %LOCALAPPDATA%).
 */
export function cacheFolder(surroundings: Surroundings = {}): string {
  const { env = process.env, platform = process.platform, home = homedir() } = surroundings;
  const own = env['MAEHEM_CACHE'];
  if (own !== undefined && own !== '') return own;
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'maehem');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'maehem');
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'maehem');
}

/** The folder that holds one folder for each installation of TensorFlow. */
export function installationsFolder(cache: string = cacheFolder()): string {
  return join(cache, 'tensorflow');
}
