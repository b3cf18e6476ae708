import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Mesa's compiler for AMD's GPUs, with no GPU: what a process must have in its environment to find it as Vulkan's only driver. */
export interface NullDriver {
  /** Where it was built, and where others may write. */
  readonly folder: string;
  /** @param gpu by RADV's name, such as navi31 */
  environment(gpu: string): NodeJS.ProcessEnv;
  /** Delete the folder. */
  remove(): void;
}

/** Where drivers say that they are there. */
const DRIVER_FOLDERS = [
  '/etc/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
  '/usr/share/vulkan/icd.d',
].filter(existsSync);

/** What to do where something is missing. */
const INSTALL =
  'on Debian: apt-get install mesa-vulkan-drivers gcc libvulkan1, with Mesa of 24 or newer (Debian 12 has it in bookworm-backports)';

/** The compiler copies no C into `dist`, which lies beside `src`. */
const SOURCE = fileURLToPath(new URL('../../src/shaders/null-commands.c', import.meta.url));

/**
 * Build the driver that lets Dawn open RADV on null hardware; see null-commands.c.
 * @throws where it cannot be, saying what to install
 */
export function buildNullDriver(): NullDriver {
  if (process.platform !== 'linux')
    throw new Error('bench webgpu shaders: Mesa compiles for a GPU that is not there on Linux only');
  const radv = findRadv();
  const folder = mkdtempSync(join(tmpdir(), 'maehem-null-driver-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const library = join(folder, 'libnull_commands.so');
  const manifest = join(folder, 'null_icd.json');
  const compiled = spawnSync('cc', ['-shared', '-fPIC', '-Wall', '-o', library, SOURCE, '-ldl'], {
    encoding: 'utf8',
  });
  if (compiled.status !== 0) {
    remove();
    throw new Error(`bench webgpu shaders: ${compilerFailure(compiled)}`);
  }
  const driver = { library_path: library, api_version: radv.apiVersion };
  writeFileSync(manifest, JSON.stringify({ file_format_version: '1.0.1', ICD: driver }));
  return {
    folder,
    environment: (gpu) => ({
      ...process.env,
      ...{ MAEHEM_RADV: radv.library, RADV_FORCE_FAMILY: gpu },
      // Without its cache, or a pipeline that was compiled before prints nothing.
      RADV_DEBUG: 'shaders,shaderstats,nocache',
      // The newer name, which goes before the older, and the older for loaders that do not know it.
      ...{ VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest },
      XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? tmpdir(),
    }),
    remove,
  };
}

function compilerFailure({ error, stderr }: { error?: Error; stderr: string }): string {
  return error === undefined
    ? `cc does not compile ${SOURCE}:\n${stderr}`
    : `there is no C compiler (${error.message}); ${INSTALL}`;
}

function findRadv(): { library: string; apiVersion: string } {
  for (const folder of DRIVER_FOLDERS)
    for (const name of readdirSync(folder)) {
      if (!/^radeon_icd.*\.json$/.test(name)) continue;
      const { ICD } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
        ICD: { library_path: string; api_version: string };
      };
      const path = ICD.library_path;
      // A bare name is the linker's to find.
      return { library: path.includes('/') ? resolve(folder, path) : path, apiVersion: ICD.api_version };
    }
  throw new Error(`bench webgpu shaders: Mesa's RADV is not installed; ${INSTALL}`);
}
