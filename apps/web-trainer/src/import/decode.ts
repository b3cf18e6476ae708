import type { RgbaImage } from '@maehem/viz';

/** A picture as it is kept: [height, width, 3]. */
export interface Decoded {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
  readonly thumbnail: RgbaImage;
}

const THUMBNAIL = 48;

/**
 * Decode a picture with the browser's own decoders: turned as its EXIF says, transparency laid on white, and made
 * smaller so that its short side is at most `shortSide` pixels.
 * @throws when it is none, or broken.
 */
export async function decodePicture(file: Blob, shortSide: number): Promise<Decoded> {
  if (file.size === 0) throw new Error('the file is empty');
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => {
    throw new Error('not a picture that this browser can read, or broken');
  });
  try {
    const scale = Math.min(1, shortSide / Math.min(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale));
    const height = Math.max(1, Math.round(bitmap.height * scale));
    return { height, width, pixels: opaque(drawn(bitmap, width, height)), thumbnail: thumbnailOf(bitmap) };
  } finally {
    bitmap.close();
  }
}

function drawn(
  bitmap: ImageBitmap,
  width: number,
  height: number,
  crop?: number,
): Uint8ClampedArray<ArrayBuffer> {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  const [x, y] = crop === undefined ? [0, 0] : [(bitmap.width - crop) / 2, (bitmap.height - crop) / 2];
  context.drawImage(bitmap, x, y, crop ?? bitmap.width, crop ?? bitmap.height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
}

/** The middle square. */
function thumbnailOf(bitmap: ImageBitmap): RgbaImage {
  const data = drawn(bitmap, THUMBNAIL, THUMBNAIL, Math.min(bitmap.width, bitmap.height));
  return { width: THUMBNAIL, height: THUMBNAIL, data };
}

/** RGBA to RGB. */
function opaque(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let pixel = 0; pixel < rgba.length / 4; pixel++)
    for (let channel = 0; channel < 3; channel++) rgb[pixel * 3 + channel] = rgba[pixel * 4 + channel]!;
  return rgb;
}
