import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { peerCommand } from './peers.js';
/** @throws when there is no such peer. */
export function startPeer(name) {
    const [program, ...args] = peerCommand(name);
    // What a library prints must not reach our stdout: `--json` promises one object there.
    const child = spawn(program, args, { stdio: ['pipe', 2, 2, 'pipe'] });
    const ended = Promise.race([
        once(child, 'error').then(([error]) => `cannot start ${program}: ${error?.message}`),
        once(child, 'exit').then(([code, signal]) => `its process ended early (${signal ?? `exit ${code}`})`),
    ]);
    const replies = createInterface({ input: child.stdio[3] })[Symbol.asyncIterator]();
    child.stdin?.on('error', () => { }); // A dead process is reported by `ended`.
    const ask = async (request) => {
        child.stdin?.write(`${JSON.stringify(request)}\n`);
        const line = await Promise.race([replies.next(), ended.then((reason) => ({ reason }))]);
        if ('reason' in line || line.done)
            throw new Error(`peer ${name}: ${'reason' in line ? line.reason : await ended}`);
        const reply = JSON.parse(line.value);
        if ('error' in reply)
            throw new Error(`peer ${name}: ${reply.error}`);
        return reply;
    };
    return {
        name,
        init: async (folder, backend) => void (await ask({ command: 'init', folder, backend })),
        step: async () => (await ask({ command: 'step' })),
        stop: () => void child.stdin?.end(),
    };
}
//# sourceMappingURL=peer-process.js.map