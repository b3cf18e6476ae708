import type { Peer } from '../peer.js';
/** The model as one writes it from tfjs's own ops, with tfjs's autodiff and AdamW spelled out op by op. */
export declare function createNaive(): Peer;
//# sourceMappingURL=naive.d.ts.map