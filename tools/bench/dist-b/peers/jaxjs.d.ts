import type { Peer } from '../peer.js';
/** The whole step, valueAndGrad and AdamW, in one jit. */
export declare function createJaxjs(): Peer;
//# sourceMappingURL=jaxjs.d.ts.map