import { cpus, release, totalmem, type } from 'node:os';
export function describeMachine() {
    const processors = cpus();
    return {
        cpu: processors[0]?.model.trim() ?? 'unknown',
        cores: processors.length,
        memoryBytes: totalmem(),
        node: process.versions.node,
        os: `${type()} ${release()} ${process.arch}`,
    };
}
//# sourceMappingURL=machine.js.map