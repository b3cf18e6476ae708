/** How a flat run of numbers is walked: four at a time where their count allows. */
export interface Lanes {
  readonly width: 1 | 4;
  /** The WGSL type of one step. */
  readonly type: 'f32' | 'vec4f';
  /** For pipeline keys. */
  readonly key: 'scalar' | 'vec4';
}

const SCALAR: Lanes = { width: 1, type: 'f32', key: 'scalar' };
const VEC4: Lanes = { width: 4, type: 'vec4f', key: 'vec4' };

/** vec4 where every one of the counts is a multiple of four. */
export function lanes(...counts: readonly number[]): Lanes {
  return counts.every((count) => count % 4 === 0) ? VEC4 : SCALAR;
}
