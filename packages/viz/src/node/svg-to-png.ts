import sharp from 'sharp';

/**
 * Draw an SVG (a loss curve, say) as a PNG file's bytes. Needs sharp; text is set in the system's fonts.
 * @param scale pixels per SVG unit. Default 2, for dense displays.
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array> {
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .png()
    .toBuffer();
}
