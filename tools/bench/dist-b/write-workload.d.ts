import type { MaeConfig } from '@maehem/mae';
import { type Key } from '@maehem/random';
/**
 * Draw weights, images and a mask plan from a key and write them for the peers.
 * @param folder an existing, empty folder
 */
export declare function writeWorkload(folder: string, key: Key, config: MaeConfig, batch: number): void;
//# sourceMappingURL=write-workload.d.ts.map