import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Whether programs that are not `.exe` files (npx, npm, pnpm) need a shell to start. */
export const needsShell = process.platform === 'win32';

/**
 * The command line that starts pnpm: the machine's own when its major version is the pinned one, else the pinned
 * version through npx, which comes with npm.
 * @returns {Promise<{ program: string, prefix: string[] }>}
 */
export async function pnpmCommand() {
  const [tool, version] = manifest.packageManager.split('@');
  const own = await firstOutput(tool, ['--version']);
  if (own.startsWith(`${version.split('.')[0]}.`)) return { program: tool, prefix: [] };
  return { program: 'npx', prefix: ['--yes', manifest.packageManager] };
}

/** What a program prints, or '' where it is missing or fails. */
function firstOutput(/** @type {string} */ program, /** @type {string[]} */ args) {
  return new Promise((/** @type {(text: string) => void} */ resolve) => {
    // Corepack's pnpm must not stop to ask.
    const env = { ...process.env, COREPACK_ENABLE_DOWNLOAD_PROMPT: '0' };
    const child = spawn(program, args, {
      cwd: root,
      env,
      shell: needsShell,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', () => resolve(''));
    child.on('close', (code) => resolve(code === 0 ? text.trim() : ''));
  });
}
