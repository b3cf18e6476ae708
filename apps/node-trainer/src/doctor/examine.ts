import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BackendName } from '@maehem/backend';
import type { Examination, ExaminationMessage, Findings, State } from './examination.js';

export interface ExamineOptions {
  /** Only whether it opens and computes right. */
  readonly quick: boolean;
  /** When to give up. */
  readonly seconds: number;
  /** The program that examines; for tests. */
  readonly worker?: string;
}

const WORKER = fileURLToPath(new URL('./examine-worker.js', import.meta.url));

/** Examine an engine in a process of its own, which may crash or hang. */
export async function examine(backend: BackendName, options: ExamineOptions): Promise<Examination> {
  const { quick, seconds, worker = WORKER } = options;
  const child = fork(worker, [backend, quick ? 'quick' : 'full'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let findings: Findings = {};
  let stage = 'starting';
  let said = '';
  child.on('message', (message: ExaminationMessage) => {
    if ('stage' in message) stage = message.stage;
    else findings = { ...findings, ...message.findings };
  });
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds);
  const end = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else if (child.killed) resolve(`no answer within ${seconds} s`);
      else resolve(lastWords(said) ?? `its process ended (${signal ?? `exit ${code}`})`);
    });
  });
  clearTimeout(timer);
  return {
    ...{ backend, state: stateOf(findings), ...findings },
    ...(end === undefined ? {} : { failure: `while ${stage}: ${end}` }),
  };
}

function stateOf({ unavailable, verdict }: Findings): State {
  if (unavailable !== undefined) return 'absent';
  if (verdict === undefined) return 'failed';
  return verdict.right ? 'right' : 'wrong';
}

/** The last line about an error of what a process said, or its last line at all. */
function lastWords(text: string): string | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1))?.trim();
}
