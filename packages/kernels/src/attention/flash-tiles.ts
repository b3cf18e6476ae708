import type { GpuTraits } from '../webgpu/gpu-traits.js';
import { type FlashTile, flashWorkgroupBytes } from './flash-attention.wgsl.js';

/** Largest first: 64, 32, 16 and 4 invocations. */
export const FLASH_TILES: readonly FlashTile[] = [
  { rows: 32, columns: 32 },
  { rows: 32, columns: 16 },
  { rows: 16, columns: 16 },
  { rows: 8, columns: 8 },
];

/** One group of four invocations, which a software adapter runs as one: barriers are free. */
const SOFTWARE_TILE: FlashTile = { rows: 8, columns: 8 };

/** Heads beyond this width are left to the composite. */
const WIDEST_HEAD = 128;

/**
 * The largest tile whose backward pass, which needs more, fits the device's workgroup memory; `undefined` if
 * none does. The forward pass takes the same, so that both or neither are flash attention.
 */
export function chooseFlashTile(
  dim: number,
  { software, workgroupBytes, workgroupInvocations }: GpuTraits,
): FlashTile | undefined {
  if (dim > WIDEST_HEAD) return undefined;
  if (software) return SOFTWARE_TILE;
  return FLASH_TILES.find(
    (tile) =>
      flashWorkgroupBytes({ dim, tile, precision: 'f32' }) <= workgroupBytes &&
      (tile.rows * tile.columns) / 16 <= workgroupInvocations,
  );
}
