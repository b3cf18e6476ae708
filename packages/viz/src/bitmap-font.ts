import type { Rgb, RgbaImage } from './rgba-image.js';

/** Pixels of a glyph's cell, its spacing included. */
const CELL_WIDTH = 6;
export const LINE_HEIGHT = 8;

/**
 * The printable ASCII characters from the space on, 5 columns each, a column a byte, its lowest bit at the top:
 * the 5x7 dots of character displays. Labels then look alike everywhere, without a font or a canvas.
 */
const GLYPHS =
  '0000000000' +
  '00005f0000' +
  '0007000700' +
  '147f147f14' +
  '242a7f2a12' +
  '2313086462' +
  '3649562050' +
  '0008070300' +
  '001c224100' +
  '0041221c00' +
  '2a1c7f1c2a' +
  '08083e0808' +
  '0080703000' +
  '0808080808' +
  '0000606000' +
  '2010080402' +
  '3e5149453e' +
  '00427f4000' +
  '7249494946' +
  '2141494d33' +
  '1814127f10' +
  '2745454539' +
  '3c4a494931' +
  '4121110907' +
  '3649494936' +
  '464949291e' +
  '0000140000' +
  '0040340000' +
  '0008142241' +
  '1414141414' +
  '0041221408' +
  '0201590906' +
  '3e415d594e' +
  '7c1211127c' +
  '7f49494936' +
  '3e41414122' +
  '7f4141413e' +
  '7f49494941' +
  '7f09090901' +
  '3e41415173' +
  '7f0808087f' +
  '00417f4100' +
  '2040413f01' +
  '7f08142241' +
  '7f40404040' +
  '7f021c027f' +
  '7f0408107f' +
  '3e4141413e' +
  '7f09090906' +
  '3e4151215e' +
  '7f09192946' +
  '2649494932' +
  '03017f0103' +
  '3f4040403f' +
  '1f2040201f' +
  '3f4038403f' +
  '6314081463' +
  '0304780403' +
  '6159494d43' +
  '007f414141' +
  '0204081020' +
  '004141417f' +
  '0402010204' +
  '4040404040' +
  '0003070800' +
  '2054547840' +
  '7f28444438' +
  '3844444428' +
  '384444287f' +
  '3854545418' +
  '00087e0902' +
  '18a4a49c78' +
  '7f08040478' +
  '00447d4000' +
  '2040403d00' +
  '7f10284400' +
  '00417f4000' +
  '7c04780478' +
  '7c08040478' +
  '3844444438' +
  'fc18242418' +
  '18242418fc' +
  '7c08040408' +
  '4854545424' +
  '04043f4424' +
  '3c4040207c' +
  '1c2040201c' +
  '3c4030403c' +
  '4428102844' +
  '4c9090907c' +
  '4464544c44' +
  '0008364100' +
  '0000770000' +
  '0041360800' +
  '0201020402';

/** Pixels that a text is wide at a whole scale. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, text.length * CELL_WIDTH - 1) * scale;
}

/** Draw a line of ASCII text, its cell's top left corner at (x, y). What falls outside the image is cut off. */
export function drawText(
  image: RgbaImage,
  text: string,
  x: number,
  y: number,
  colour: Rgb,
  scale: number,
): void {
  for (let index = 0; index < text.length; index++)
    for (let column = 0; column < 5; column++) {
      const bits = glyphColumn(text.charCodeAt(index), column);
      for (let row = 0; row < LINE_HEIGHT; row++)
        if ((bits >> row) & 1)
          dot(image, x + (index * CELL_WIDTH + column) * scale, y + row * scale, colour, scale);
    }
}

function glyphColumn(code: number, column: number): number {
  const known = code >= 32 && code < 127 ? code : '?'.charCodeAt(0);
  const at = ((known - 32) * 5 + column) * 2;
  return Number.parseInt(GLYPHS.slice(at, at + 2), 16);
}

function dot(image: RgbaImage, x: number, y: number, colour: Rgb, size: number): void {
  for (let row = Math.max(0, y); row < Math.min(y + size, image.height); row++)
    for (let column = Math.max(0, x); column < Math.min(x + size, image.width); column++)
      image.data.set(colour, (row * image.width + column) * 4);
}
