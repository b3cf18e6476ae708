import { type ConfigName } from './configs.js';
import { type Machine } from './machine.js';
import type { PeerBackend } from './peer.js';
export interface StepOptions {
    readonly backend: PeerBackend;
    readonly config: ConfigName;
    readonly batch: number;
    readonly peers: readonly string[];
    readonly runs: number;
    readonly seed: number;
    /** Called with a line of progress. */
    readonly log: (line: string) => void;
}
export interface StepRow {
    readonly name: string;
    readonly medianMs: number;
    readonly runsMs: readonly number[];
    /** The largest resident set of the peer's process, its runtime and libraries included. */
    readonly peakBytes: number;
    /** Of the warm-up steps, which train: they prove that all peers do the same work. */
    readonly losses: readonly number[];
}
/** The form of every benchmark's `--json`. */
export interface StepReport {
    readonly backend: PeerBackend;
    readonly config: ConfigName;
    readonly batch: number;
    readonly machine: Machine;
    readonly rows: readonly StepRow[];
}
/**
 * Time whole pretraining steps of several peers in one run, interleaved (A B C A B C …), after a warm-up.
 * @throws when a peer fails, or when the losses of the warm-up differ by more than 1e-3.
 */
export declare function benchStep(options: StepOptions): Promise<StepReport>;
export declare function median(values: readonly number[]): number;
//# sourceMappingURL=step.d.ts.map