/**
 * The layer of a parameter for layer-wise decay (the reference's `get_layer_id_for_vit`): 0 for what comes
 * before the blocks, i + 1 for block i, depth + 1 for the rest.
 */
export function layerId(path: string, depth: number): number {
  const [root, index] = path.split('.');
  if (root === 'cls_token' || root === 'pos_embed' || root === 'patch_embed') return 0;
  return root === 'blocks' ? Number(index) + 1 : depth + 1;
}

/** Factors on the learning rate of layers 0 … depth + 1: decay^(depth + 1 - layer) (Clark et al. 2020). */
export function layerDecayScales(depth: number, decay: number): number[] {
  if (!(decay > 0 && decay <= 1)) throw new Error(`layer decay must be in (0, 1], got ${decay}`);
  return Array.from({ length: depth + 2 }, (_, layer) => decay ** (depth + 1 - layer));
}
