import { encode } from 'fast-png';
import type { RgbaImage } from './rgba-image.js';

/** An image as a PNG file's bytes. */
export function encodePng({ width, height, data }: RgbaImage): Uint8Array {
  return encode({ width, height, data, channels: 4, depth: 8 });
}
