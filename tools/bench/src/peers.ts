import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.js';

/** Peers that run in `peer-main.js`; each is imported in its own process only. */
export const NODE_PEERS: Readonly<Record<string, (threads: number) => Promise<Peer>>> = {
  maehem: async (threads) => {
    const { createParallelPretrainer } = await import('@maehem/train/node');
    const { createMaehem } = await import('./peers/maehem.js');
    return createMaehem({
      makePretrainer: (task, start) => createParallelPretrainer(task, start, { threads }),
    });
  },
  'maehem-xla': async () => (await import('./peers/maehem.js')).createMaehem({ open: { xla: true } }),
  naive: async () => (await import('./peers/naive.js')).createNaive(),
  jaxjs: async () => (await import('./peers/jaxjs.js')).createJaxjs(),
};

/** Peers that can be told their threads, and how many they have otherwise; 0 is the library's own choice. */
const THREADED: Readonly<Record<string, number>> = { maehem: 1, torch: 0 };

/**
 * A peer's name and its threads: `maehem@2` works in two.
 * @throws when there is no such peer, or it has one thread only.
 */
export function parsePeer(text: string): { readonly name: string; readonly threads: number } {
  const [name = '', count] = text.split('@');
  if (!peerNames().includes(name))
    throw new Error(`there is no peer '${name}'; choose from ${peerNames().join(', ')}`);
  if (count === undefined) return { name, threads: THREADED[name] ?? 1 };
  const threads = Number(count);
  if (!Object.hasOwn(THREADED, name) || !Number.isSafeInteger(threads) || threads < 1)
    throw new Error(`peer '${text}': threads are for maehem and torch alone, as in maehem@2`);
  return { name, threads };
}

/** The program that speaks for a peer; one in another language is a further entry of this function. */
export function peerCommand(text: string): readonly [program: string, ...args: string[]] {
  const { name, threads } = parsePeer(text);
  if (name === 'torch') return [python(), sourceFile('./peers/torch_mae.py'), String(threads)];
  return [process.execPath, fileURLToPath(new URL('./peer-main.js', import.meta.url)), name, String(threads)];
}

/** The user's own Python, which has torch or has not. */
function python(): string {
  return process.env['MAEHEM_PYTHON'] ?? 'python3';
}

/** The compiler copies no Python into `dist`, which lies beside `src`. */
function sourceFile(path: string): string {
  return fileURLToPath(new URL(path, new URL('../src/', import.meta.url)));
}

export function peerNames(): string[] {
  return [...Object.keys(NODE_PEERS), 'torch'];
}
