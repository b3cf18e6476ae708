import type { PeerBackend } from './peer.js';
/** One timed step; `peakBytes` is the process's largest resident set so far, the runtime included. */
export interface StepResult {
    readonly loss: number;
    readonly ms: number;
    readonly peakBytes: number;
}
/** A peer in its own process, so that engines and heaps do not disturb each other. */
export interface PeerProcess {
    readonly name: string;
    init(folder: string, backend: PeerBackend): Promise<void>;
    step(): Promise<StepResult>;
    stop(): void;
}
/** @throws when there is no such peer. */
export declare function startPeer(name: string): PeerProcess;
//# sourceMappingURL=peer-process.d.ts.map