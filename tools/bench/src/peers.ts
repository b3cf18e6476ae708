import { fileURLToPath } from 'node:url';
import type { Precision } from '@maehem/backend';
import type { Engine, Peer } from './peer.js';

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
const THREADED: Readonly<Record<string, number>> = { maehem: 1, torch: 0, 'torch-compile': 0 };

/** Precisions by their names on the command line. */
export const PRECISIONS: Readonly<Record<string, Precision>> = {
  ...{ f32: 'float32', f16: 'float16', bf16: 'bfloat16' },
};

/** A peer's name taken apart. */
export interface NamedPeer {
  readonly name: string;
  readonly threads: number;
  /** Where it is not as in the whole run. */
  readonly own: Pick<Partial<Engine>, 'precision' | 'recompute' | 'tensorCores'>;
}

/**
 * A peer's name, what it does otherwise than the others, and its threads: `maehem@2` works in two, `maehem:f16` in half
 * precision, `maehem:f16:recompute` computes every block twice as well, `maehem:recompute=2` every second one;
 * `maehem:f16:tensor-cores` multiplies on them.
 * @throws when there is no such peer, it has one thread only, or it cannot do otherwise.
 */
export function parsePeer(text: string): NamedPeer {
  const [head = '', count] = text.split('@');
  const [name = '', ...options] = head.split(':');
  if (!peerNames().includes(name))
    throw new Error(`there is no peer '${name}'; choose from ${peerNames().join(', ')}`);
  const own = Object.assign({}, ...options.map((option) => parseOption(text, name, option)));
  if (count === undefined) return { name, threads: THREADED[name] ?? 1, own };
  const threads = Number(count);
  if (!Object.hasOwn(THREADED, name) || !Number.isSafeInteger(threads) || threads < 1)
    throw new Error(`peer '${text}': threads are for maehem and torch alone, as in maehem@2`);
  return { name, threads, own };
}

function parseOption(text: string, name: string, option: string): NamedPeer['own'] {
  const precision = PRECISIONS[option];
  if (precision !== undefined) return { precision };
  if (option === 'tensor-cores' && name.startsWith('maehem')) return { tensorCores: true };
  const every = /^recompute(?:=([1-9]\d*))?$/.exec(option);
  if (every === null)
    throw new Error(
      `peer '${text}': '${option}' is not one of ${Object.keys(PRECISIONS).join(', ')}, recompute, recompute=2, tensor-cores`,
    );
  if (!name.startsWith('maehem')) throw new Error(`peer '${text}': recompute is for maehem alone`);
  return { recompute: Number(every[1] ?? 1) };
}

/** The program that speaks for a peer; one in another language is a further entry of this function. */
export function peerCommand(text: string): readonly [program: string, ...args: string[]] {
  const { name, threads } = parsePeer(text);
  if (name === 'torch' || name === 'torch-compile')
    return [python(), sourceFile('./peers/torch_mae.py'), String(threads), name];
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
  return [...Object.keys(NODE_PEERS), 'torch', 'torch-compile'];
}
