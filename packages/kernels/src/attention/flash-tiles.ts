import type { GpuTraits } from '../webgpu/gpu-traits.js';
import { type FlashTile, flashWorkgroupBytes } from './flash-attention.wgsl.js';

/**
 * Largest first: 64, 32, 16 and 4 invocations. Columns are 32 wherever they fit: eight invocations then share
 * what is summed for a row, and each keeps dim / 32 vec4 of it. With fewer they would run out of registers.
 */
export const FLASH_TILES: readonly FlashTile[] = [
  { rows: 32, columns: 32 },
  { rows: 16, columns: 32 },
  { rows: 8, columns: 32 },
  { rows: 8, columns: 8 },
];

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
  // A software adapter runs four invocations at a time: one such group to a workgroup makes barriers free.
  // Wider heads would take it minutes to compile with as few.
  if (software) return FLASH_TILES[dim <= 16 ? 3 : 2];
  return FLASH_TILES.find(
    (tile) =>
      flashWorkgroupBytes({ dim, tile, precision: 'f32' }) <= workgroupBytes &&
      (tile.rows * tile.columns) / 16 <= workgroupInvocations,
  );
}
