import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import nodeApi from 'node-api-headers';
import { BINDING, NAPI_VERSION, QUIET_OPENER } from './installation.js';
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

/** Loads a library without what its constructors say; see there. */
const OPEN_QUIETLY = fileURLToPath(new URL('../native/open_quietly.cc', import.meta.url));

/**
 * Compile tfjs-node's binding, and our small one beside it. It consists of two C++ files against Node-API, whose
 * headers are the same for every Node, so that one call of the compiler does what node-gyp would need Python, make and
 * a download for.
 * @throws with the compiler's messages
 */
export async function compileBinding(options: CompileOptions): Promise<void> {
  const { compiler, packageDir, include, libraries, cuda } = options;
  const names = await readdir(join(packageDir, 'binding'));
  const sources = names.filter((name) => name.endsWith('.cc')).map((name) => join('binding', name));
  const compile = (output: string, args: readonly string[]): Promise<string> =>
    runProgram(compiler, [...COMMON, ...args, '-o', output], { cwd: packageDir });
  await mkdir(dirname(join(packageDir, BINDING)), { recursive: true });
  await compile(BINDING, ['-I', include, ...sources, ...linkArguments(libraries, cuda)]);
  await compile(QUIET_OPENER, [OPEN_QUIETLY, ...(process.platform === 'linux' ? ['-ldl'] : [])]);
}

/** What `compiler --version` says first. */
export async function compilerVersion(compiler: string): Promise<string> {
  const [first = compiler] = (await runProgram(compiler, ['--version'])).split('\n');
  return first;
}

/** On macOS, Node's own functions are found when the binding is loaded; on Linux that is so anyway. */
const COMMON: readonly string[] = [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NAPI_VERSION}`, '-I', nodeApi.include_dir],
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
];

function linkArguments(libraries: readonly string[], cuda: readonly string[]): string[] {
  const origin = process.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
  return [
    ...libraries.map((name) => join('deps', 'lib', name)),
    ...(process.platform === 'linux' ? linuxArguments(cuda) : []),
    ...LIBRARY_FOLDERS.map((folder) => `-Wl,-rpath,${origin}/${folder}`),
  ];
}

/**
 * TensorFlow opens CUDA's libraries by name at run time. They are found because the binding, which needs nothing of
 * them, has them loaded before.
 */
function linuxArguments(cuda: readonly string[]): string[] {
  const needed = ['-Wl,--no-as-needed', ...cuda.map((name) => join('deps', 'cuda', name))];
  return [
    ...(cuda.length > 0 ? needed : []),
    ...['-Wl,--allow-shlib-undefined', '-Wl,-rpath-link,deps/lib:deps/cuda'],
  ];
}
