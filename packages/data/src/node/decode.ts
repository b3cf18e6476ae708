import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { BadImageError } from '../bad-image.js';
import { toChannels } from '../channels.js';
import type { Image } from '../image.js';

export interface DecodeOptions {
  /** 1 for gray, 3 for RGB (the default); files of the other kind are converted. */
  readonly channels?: 1 | 3;
  /** What transparent pixels are laid on: [red, green, blue], 0 … 255. Default white. */
  readonly background?: readonly [red: number, green: number, blue: number];
}

/**
 * Decodes a JPEG, PNG or WebP file (or what else sharp reads): turned as its EXIF orientation says, transparency laid
 * on the background, 16 bits a channel reduced to 8, gray and CMYK converted. Of an animation, the first frame.
 * @throws BadImageError naming the file when it can't be read, or is corrupt or truncated.
 */
export async function decodeImageFile(file: string, options: DecodeOptions = {}): Promise<Image> {
  return decodeImage(await readImageFile(file), file, options);
}

/**
 * As `decodeImageFile`, from the file's bytes.
 * @param name what to call the image in messages
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  options: DecodeOptions = {},
): Promise<Image> {
  const { channels = 3, background = [255, 255, 255] } = options;
  if (bytes.length === 0) throw new BadImageError(name, 'the file is empty');
  const [r, g, b] = background;
  try {
    // The strictest level: a corrupt JPEG may warn where a truncated one fails.
    const { data, info } = await sharp(bytes, { failOn: 'warning' })
      .autoOrient()
      .flatten({ background: { r, g, b } })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return toChannels({ height, width, channels: info.channels, pixels }, channels);
  } catch (error) {
    throw new BadImageError(name, reasonOf(error), { cause: error });
  }
}

async function readImageFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new BadImageError(file, reasonOf(error), { cause: error });
  }
}

/** The decoder's own words, on one line. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, '; ');
}
