import type { Peer } from './peer.js';
/** Peers that run in `peer-main.js`; each is imported in its own process only. */
export declare const NODE_PEERS: Readonly<Record<string, () => Promise<Peer>>>;
/** The program that speaks for a peer; one in another language is a further entry of this function. */
export declare function peerCommand(name: string): readonly [program: string, ...args: string[]];
export declare function peerNames(): string[];
//# sourceMappingURL=peers.d.ts.map