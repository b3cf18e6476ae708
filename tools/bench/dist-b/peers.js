import { fileURLToPath } from 'node:url';
/** Peers that run in `peer-main.js`; each is imported in its own process only. */
export const NODE_PEERS = {
    // LEAD: the own peer goes here, first: maehem: async () => (await import('./peers/maehem.js')).createMaehem(),
    naive: async () => (await import('./peers/naive.js')).createNaive(),
    jaxr: async () => (await import('./peers/jaxr.js')).createJaxjs(),
    jaxo: async () => (await import('./peers/jaxo.js')).createJaxjs(),
    jaxt: async () => (await import('./peers/jaxt.js')).createJaxjs(),
    jaxjs: async () => (await import('./peers/jaxjs.js')).createJaxjs(),
};
/** The program that speaks for a peer; one in another language is a further entry of this function. */
export function peerCommand(name) {
    if (!Object.hasOwn(NODE_PEERS, name))
        throw new Error(`there is no peer '${name}'; choose from ${peerNames().join(', ')}`);
    return [process.execPath, fileURLToPath(new URL('./peer-main.js', import.meta.url)), name];
}
export function peerNames() {
    return Object.keys(NODE_PEERS);
}
//# sourceMappingURL=peers.js.map