import type { Trainable } from '@maehem/backend';

/**
 * What partial fine-tuning trains (He et al. 2021, section 5 and figure 9): the last `blocks` blocks, and always the
 * last norm and the head. Half a block is its MLP, with the norm before it. All blocks, or `null`, train everything,
 * tokens, positions and patch embedding too; none is a linear classifier on frozen features.
 * @param depth blocks of the encoder
 * @throws when the number is not a whole or half number of blocks that the encoder has.
 */
export function isTuned(blocks: number | null, depth: number): Trainable {
  assertTunedBlocks(blocks, depth);
  if (blocks === null || blocks === depth) return () => true;
  const whole = depth - Math.floor(blocks);
  const half = Number.isInteger(blocks) ? -1 : whole - 1;
  return (path) => {
    const [root, index, part] = path.split('.');
    if (root === 'head' || root === 'norm' || root === 'fc_norm') return true;
    if (root !== 'blocks') return false;
    const block = Number(index);
    return block >= whole || (block === half && (part === 'mlp' || part === 'norm2'));
  };
}

/** @throws when the number is not a whole or half number of blocks that the encoder has. */
export function assertTunedBlocks(blocks: number | null, depth: number): void {
  if (blocks === null) return;
  if (!(blocks >= 0 && blocks <= depth && Number.isInteger(blocks * 2)))
    throw new Error(
      `tuned blocks must be a whole or half number from 0 to ${depth}, the encoder's depth, got ${blocks}`,
    );
}
