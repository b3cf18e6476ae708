import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.js';

/** Peers that run in `peer-main.js`; each is imported in its own process only. */
export const NODE_PEERS: Readonly<Record<string, () => Promise<Peer>>> = {
  maehem: async () => (await import('./peers/maehem.js')).createMaehem(),
  naive: async () => (await import('./peers/naive.js')).createNaive(),
  jaxjs: async () => (await import('./peers/jaxjs.js')).createJaxjs(),
};

/** The program that speaks for a peer; one in another language is a further entry of this function. */
export function peerCommand(name: string): readonly [program: string, ...args: string[]] {
  if (!Object.hasOwn(NODE_PEERS, name))
    throw new Error(`there is no peer '${name}'; choose from ${peerNames().join(', ')}`);
  return [process.execPath, fileURLToPath(new URL('./peer-main.js', import.meta.url)), name];
}

export function peerNames(): string[] {
  return Object.keys(NODE_PEERS);
}
