import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
export const MANIFEST_FILE = 'workload.json';
export const TENSOR_FILE = 'workload.bin';
/** @param folder as written by `writeWorkload`. */
export function openWorkload(folder) {
    const manifest = JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8'));
    return { ...manifest, read: (entry) => readTensor(join(folder, TENSOR_FILE), entry) };
}
function readTensor(path, { name, dtype, shape, offset }) {
    const size = shape.reduce((product, n) => product * n, 1);
    const values = dtype === 'float32' ? new Float32Array(size) : new Int32Array(size);
    const file = openSync(path, 'r');
    const count = readSync(file, values, 0, values.byteLength, offset);
    closeSync(file);
    if (count !== values.byteLength)
        throw new Error(`${path} ends inside tensor ${name}`);
    return values;
}
//# sourceMappingURL=workload.js.map