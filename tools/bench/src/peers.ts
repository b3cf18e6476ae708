import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.js';

/** Peers that run in `peer-main.js`; each is imported in its own process only. */
export const NODE_PEERS: Readonly<Record<string, (threads: number) => Promise<Peer>>> = {
  maehem: async (threads) => (await import('./peers/maehem.js')).createMaehem(threads),
  naive: async () => (await import('./peers/naive.js')).createNaive(),
  jaxjs: async () => (await import('./peers/jaxjs.js')).createJaxjs(),
};

/**
 * A peer's name and its threads: `maehem@2` works in two.
 * @throws when there is no such peer, or it has one thread only.
 */
export function parsePeer(text: string): { readonly name: string; readonly threads: number } {
  const [name = '', count] = text.split('@');
  if (!Object.hasOwn(NODE_PEERS, name))
    throw new Error(`there is no peer '${name}'; choose from ${peerNames().join(', ')}`);
  if (count === undefined) return { name, threads: 1 };
  const threads = Number(count);
  if (name !== 'maehem' || !Number.isSafeInteger(threads) || threads < 2)
    throw new Error(`peer '${text}': threads are for maehem alone, as in maehem@2`);
  return { name, threads };
}

/** The program that speaks for a peer; one in another language is a further entry of this function. */
export function peerCommand(text: string): readonly [program: string, ...args: string[]] {
  const { name, threads } = parsePeer(text);
  const main = fileURLToPath(new URL('./peer-main.js', import.meta.url));
  return [process.execPath, main, name, String(threads)];
}

export function peerNames(): string[] {
  return Object.keys(NODE_PEERS);
}
