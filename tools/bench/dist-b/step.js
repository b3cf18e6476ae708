import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seed } from '@maehem/random';
import { CONFIGS } from './configs.js';
import { describeMachine } from './machine.js';
import { startPeer } from './peer-process.js';
import { writeWorkload } from './write-workload.js';
const WARM_UP = 3;
const LOSS_TOLERANCE = 1e-3;
/**
 * Time whole pretraining steps of several peers in one run, interleaved (A B C A B C …), after a warm-up.
 * @throws when a peer fails, or when the losses of the warm-up differ by more than 1e-3.
 */
export async function benchStep(options) {
    const { backend, config, batch, peers, runs, log } = options;
    const folder = mkdtempSync(join(tmpdir(), 'maehem-bench-'));
    const started = [];
    try {
        for (const name of peers)
            started.push(startPeer(name));
        writeWorkload(folder, seed(options.seed), CONFIGS[config], batch);
        for (const peer of started)
            await peer.init(folder, backend);
        const warmUp = await interleave(started, WARM_UP, (line) => log(`warm-up ${line}`));
        assertSameLosses(peers, warmUp);
        const timed = await interleave(started, runs, log);
        const rows = peers.map((name, index) => rowOf(name, warmUp[index], timed[index]));
        return { backend, config, batch, machine: describeMachine(), rows };
    }
    finally {
        for (const peer of started)
            peer.stop();
        rmSync(folder, { recursive: true });
    }
}
/** @returns for each peer, its results in order */
async function interleave(peers, rounds, log) {
    const results = peers.map(() => []);
    for (let round = 1; round <= rounds; round++)
        for (const [index, peer] of peers.entries()) {
            const result = await peer.step();
            results[index].push(result);
            log(`${round}/${rounds} ${peer.name}: ${result.ms.toFixed(1)} ms, loss ${result.loss.toFixed(6)}`);
        }
    return results;
}
function assertSameLosses(names, results) {
    const losses = results.map((steps) => steps.map(({ loss }) => loss));
    const apart = losses.some((own) => own.some((loss, i) => !(Math.abs(loss - losses[0][i]) <= LOSS_TOLERANCE)));
    if (!apart)
        return;
    const table = names.map((name, index) => `${name} ${losses[index].map((loss) => loss.toFixed(6)).join(' ')}`);
    throw new Error(`the peers do not do the same work: their first losses differ by more than ${LOSS_TOLERANCE}: ${table.join('; ')}`);
}
function rowOf(name, warmUp, timed) {
    const runsMs = timed.map(({ ms }) => ms);
    const peakBytes = Math.max(...timed.map((result) => result.peakBytes));
    return { name, medianMs: median(runsMs), runsMs, peakBytes, losses: warmUp.map(({ loss }) => loss) };
}
export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
//# sourceMappingURL=step.js.map