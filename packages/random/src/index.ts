export { beta } from './beta.js';
export { bits, integer, normal, permutation, uniform } from './draw.js';
export { fold, type Key, seed, split } from './key.js';
export { threefry2x32 } from './threefry.js';
