import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import nodeApi from 'node-api-headers';
import { BINDING, NAPI_VERSION } from './installation.js';
import { runProgram } from './run-program.js';

export interface CompileOptions {
  readonly compiler: string;
  /** Absolute path of tfjs-node, with its `binding/` sources. */
  readonly packageDir: string;
  /** Folder of TensorFlow's headers. */
  readonly include: string;
  /** File names in `deps/lib`. */
  readonly libraries: readonly string[];
  /** File names in `deps/cuda`. */
  readonly cuda: readonly string[];
}

/** Where the binding finds the libraries at run time, seen from its own folder. */
const LIBRARY_FOLDERS = ['../../deps/lib', '../../deps/cuda'];

/**
 * Compile tfjs-node's binding. It consists of two C++ files against Node-API, whose headers are the same for every
 * Node, so that one call of the compiler does what node-gyp would need Python, make and a download for.
 * @throws with the compiler's messages
 */
export async function compileBinding(options: CompileOptions): Promise<void> {
  const { compiler, packageDir } = options;
  const names = await readdir(join(packageDir, 'binding'));
  const sources = names.filter((name) => name.endsWith('.cc')).map((name) => join('binding', name));
  await runProgram(compiler, compilerArguments(options, sources), { cwd: packageDir });
}

/** What `compiler --version` says first. */
export async function compilerVersion(compiler: string): Promise<string> {
  const [first = compiler] = (await runProgram(compiler, ['--version'])).split('\n');
  return first;
}

function compilerArguments(options: CompileOptions, sources: readonly string[]): string[] {
  const { include, libraries, cuda } = options;
  return [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NAPI_VERSION}`],
    ...['-I', nodeApi.include_dir, '-I', include, '-o', BINDING, ...sources],
    ...libraries.map((name) => join('deps', 'lib', name)),
    ...(process.platform === 'darwin' ? darwinLinking() : linuxLinking(cuda)),
  ];
}

/**
 * TensorFlow opens CUDA's libraries by name at run time. They are found because the binding, which needs nothing of
 * them, has them loaded before.
 */
function linuxLinking(cuda: readonly string[]): string[] {
  const needed = ['-Wl,--no-as-needed', ...cuda.map((name) => join('deps', 'cuda', name))];
  return [
    ...(cuda.length > 0 ? needed : []),
    ...['-Wl,--allow-shlib-undefined', '-Wl,-rpath-link,deps/lib'],
    ...LIBRARY_FOLDERS.map((folder) => `-Wl,-rpath,$ORIGIN/${folder}`),
  ];
}

function darwinLinking(): string[] {
  return [
    '-undefined',
    'dynamic_lookup',
    ...LIBRARY_FOLDERS.map((folder) => `-Wl,-rpath,@loader_path/${folder}`),
  ];
}
