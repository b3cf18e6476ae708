/**
 * The layer of a parameter for layer-wise decay (the reference's `get_layer_id_for_vit`): 0 for what comes
 * before the blocks, i + 1 for block i, depth + 1 for the rest.
 * @param path dotted, as in the reference checkpoint: `blocks.3.attn.qkv.weight`
 * @param depth number of blocks
 * @throws when the path names a block that an encoder of this depth does not have.
 */
export function layerId(path: string, depth: number): number {
  const [root, index] = path.split('.');
  if (root === 'cls_token' || root === 'pos_embed' || root === 'patch_embed') return 0;
  if (root !== 'blocks') return depth + 1;
  const block = Number(index);
  if (!Number.isInteger(block) || block < 0 || block >= depth)
    throw new Error(`layer decay: parameter ${path} lies in no block of an encoder of ${depth} blocks`);
  return block + 1;
}

/**
 * Factors on the learning rate of layers 0 … depth + 1: decay^(depth + 1 - layer) (Clark et al. 2020; He et
 * al. 2021, table 9).
 * @throws when the depth is not a whole number of blocks, or the decay lies outside (0, 1].
 */
export function layerDecayScales(depth: number, decay: number): number[] {
  if (!Number.isInteger(depth) || depth < 0)
    throw new Error(`layer decay needs a whole number of blocks, got ${depth}`);
  if (!(decay > 0 && decay <= 1)) throw new Error(`layer decay must be in (0, 1], got ${decay}`);
  return Array.from({ length: depth + 2 }, (_, layer) => decay ** (depth + 1 - layer));
}
