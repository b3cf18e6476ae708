import { spawn } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Lines of a failed program's output that an error quotes. */
const QUOTED_LINES = 30;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Run a program to its end.
 * @returns what it wrote to stdout
 * @throws when it cannot start or fails; the message holds the command and the end of what it wrote.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
      output += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    child.on('error', (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const quoted = output.trimEnd().split('\n').slice(-QUOTED_LINES).join('\n');
      const command = [program, ...args.map((arg) => (arg.includes('\n') ? '…' : arg))].join(' ');
      reject(new Error(`${command} failed (${signal ?? `exit ${code}`}):\n${quoted}`));
    });
  });
}

/** The first of `names` that is a program in the folders of `path`, as an absolute path. */
export async function findProgram(
  names: readonly string[],
  path: string = process.env['PATH'] ?? '',
): Promise<string | undefined> {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  for (const file of names.flatMap((name) => folders.map((folder) => join(folder, name))))
    if (await isProgram(file)) return file;
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
