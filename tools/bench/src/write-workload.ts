import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST_FILE, TENSOR_FILE, type Workload, type WorkloadManifest } from './workload.js';

/**
 * Write a workload for peers in other processes.
 * @param folder an existing, empty folder
 */
export function writeWorkload(folder: string, workload: Workload): void {
  const file = openSync(join(folder, TENSOR_FILE), 'w');
  for (const entry of workload.tensors) writeFileSync(file, workload.read(entry));
  closeSync(file);
  writeManifest(folder, workload);
}

/** The shapes alone: enough where nothing is computed. See `openShapes`. */
export function writeManifest(folder: string, { read: _, ...manifest }: Workload): void {
  writeFileSync(join(folder, MANIFEST_FILE), JSON.stringify(manifest satisfies WorkloadManifest));
}
