import { type Image, shapeName } from './image.js';

/**
 * Gray to RGB (three equal channels) or RGB to gray (ITU-R 601-2 luma, the same to the bit as Pillow's).
 * The image itself where it has those channels already.
 * @throws when the image has neither 1 nor 3 channels.
 */
export function toChannels(image: Image, channels: 1 | 3): Image {
  if (image.channels === channels) return image;
  if (image.channels === 1) return grayToRgb(image);
  if (image.channels === 3) return rgbToGray(image);
  throw new Error(`an image of ${shapeName(image)} is neither gray (1 channel) nor RGB (3)`);
}

function grayToRgb({ height, width, pixels: from }: Image): Image {
  const pixels = new Uint8Array(from.length * 3);
  for (let i = 0; i < from.length; i++) pixels.fill(from[i]!, 3 * i, 3 * i + 3);
  return { height, width, channels: 3, pixels };
}

function rgbToGray({ height, width, pixels: from }: Image): Image {
  const pixels = new Uint8Array(height * width);
  for (let i = 0, place = 0; i < pixels.length; i++, place += 3)
    pixels[i] = (from[place]! * 19595 + from[place + 1]! * 38470 + from[place + 2]! * 7471 + 0x8000) >> 16;
  return { height, width, channels: 1, pixels };
}
