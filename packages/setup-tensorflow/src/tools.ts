import { findProgram, runProgram } from './run-program.js';

/** The programs of the user's machine that a set-up runs, as absolute paths. */
export interface Tools {
  readonly compiler: string;
  readonly npm: string;
  /** Only where the source asks for it. */
  readonly python: string | undefined;
}

type PythonNeed = 'none' | 'python' | 'pip';

function pythonNeed(from: string): PythonNeed {
  if (from === 'wheel') return 'pip';
  return from === 'python' ? 'python' : 'none';
}

const OTHER_SOURCES =
  'Without it, pass a TensorFlow that is on the disk: --from FILE.whl, --from LIBTENSORFLOW.tar.gz or --from FOLDER.';

/**
 * Find the tools that a source needs.
 * @param from as `openSource` takes it
 * @param path the folders to look in, as in `PATH`
 * @throws naming everything that is missing, each with what to install.
 */
export async function findTools(
  from: string,
  path: string = process.env['PATH'] ?? '',
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Tools> {
  const need = pythonNeed(from);
  const own = env['CXX'];
  const compilers = own ? [own] : ['g++', 'clang++', 'c++'];
  const compiler = own?.startsWith('/') ? own : await findProgram(compilers, path);
  const npm = await findProgram(['npm'], path);
  const python = need === 'none' ? undefined : await findProgram(['python3', 'python'], path);
  const missing: string[] = [];
  if (compiler === undefined)
    missing.push(
      `a C++ compiler (looked for ${compilers.join(', ')}): apt-get install g++, dnf install gcc-c++, or xcode-select --install`,
    );
  if (npm === undefined)
    missing.push('npm: it comes with Node, https://nodejs.org; Debian has it apart: apt-get install npm');
  if (need !== 'none' && python === undefined)
    missing.push(`python3: apt-get install python3 python3-pip. ${OTHER_SOURCES}`);
  else if (need === 'pip' && python !== undefined && !(await hasPip(python)))
    missing.push(
      `pip of ${python}: apt-get install python3-pip, or ${python} -m ensurepip. ${OTHER_SOURCES}`,
    );
  if (compiler === undefined || npm === undefined || missing.length > 0)
    throw new Error(`not found:\n${missing.map((line) => `  - ${line}`).join('\n')}`);
  return { compiler, npm, python };
}

async function hasPip(python: string): Promise<boolean> {
  return runProgram(python, ['-m', 'pip', '--version']).then(
    () => true,
    () => false,
  );
}
