import { tidy } from '@maehem/backend';
import { NORMALISATIONS, type NormalisationName } from '@maehem/data';
import { encodeAll, encoderAttention, type MaeConfig, type MaeEncoder } from '@maehem/mae';
import { patchify } from '@maehem/patches';
import { encodePng, filled, mosaic, paste, pcaColours, type RgbaImage, toRgba } from '@maehem/viz';
import * as tf from '@tensorflow/tfjs-core';

/** Images, and the encoder that looks at them. */
export interface ShownImages {
  readonly encoder: MaeEncoder;
  readonly config: MaeConfig;
  /** NHWC, normalised. */
  readonly pixels: Float32Array;
  readonly normalise: NormalisationName;
}

/** Where the class token looks in the last block: a row an image, a column a head, brightest where it looks most. */
export async function drawAttention(shown: ShownImages): Promise<Uint8Array> {
  const { encoder, config } = shown;
  const { rows, tokens, patches } = setUp(shown);
  const maps = tidy(() => {
    const last = encoderAttention(encoder, patches, config, config.depth - 1);
    return tf.slice(last, [0, 0, 0, 1], [-1, -1, 1, tokens]);
  });
  const values = (await maps.data()) as Float32Array;
  const heads = config.heads;
  tf.dispose([maps, patches]);
  const pictures = rows.map((image, sample) => [
    image,
    ...Array.from({ length: heads }, (_, head) => {
      const own = values.subarray((sample * heads + head) * tokens, (sample * heads + head + 1) * tokens);
      const most = own.reduce((a, b) => Math.max(a, b));
      return tiles(config, (token) => {
        const level = (255 * own[token]!) / most;
        return [level, level, level];
      });
    }),
  ]);
  return encodePng(
    mosaic(pictures, {
      scale: scaleOf(config),
      labels: ['image', ...pictures[0]!.slice(1).map((_, i) => `head ${i + 1}`)],
    }),
  );
}

/** Patch features as colours: their first three principal components, over all shown images together. */
export async function drawPca(shown: ShownImages): Promise<Uint8Array> {
  const { encoder, config } = shown;
  const { rows, tokens, patches } = setUp(shown);
  const features = tidy(() => encodeAll(encoder, patches, config).tokens);
  const values = (await features.data()) as Float32Array;
  tf.dispose([features, patches]);
  const { colours } = pcaColours(values, config.dim);
  const pictures = rows.map((image, sample) => [
    image,
    tiles(config, (token) => {
      const at = (sample * tokens + token) * 3;
      return [colours[at]!, colours[at + 1]!, colours[at + 2]!];
    }),
  ]);
  return encodePng(mosaic(pictures, { scale: scaleOf(config), labels: ['image', 'PCA'] }));
}

function setUp({ config, pixels, normalise }: ShownImages): {
  rows: RgbaImage[];
  tokens: number;
  patches: tf.Tensor3D;
} {
  const [height, width] = config.imageSize;
  const { channels, patchSize } = config;
  const size = height * width * channels;
  const count = pixels.length / size;
  const format = { height, width, channels, ...NORMALISATIONS[normalise] };
  const rows = Array.from({ length: count }, (_, i) =>
    toRgba(pixels.subarray(i * size, (i + 1) * size), format),
  );
  const patches = tidy(() => patchify(tf.tensor4d(pixels, [count, height, width, channels]), patchSize));
  return { rows, tokens: (height / patchSize[0]) * (width / patchSize[1]), patches };
}

/** A picture of one colour a patch. */
function tiles(
  { imageSize: [height, width], patchSize: [tall, wide] }: MaeConfig,
  colourOf: (token: number) => readonly [number, number, number],
): RgbaImage {
  const picture = filled(width, height, [0, 0, 0]);
  const across = width / wide;
  for (let token = 0; token < across * (height / tall); token++)
    paste(
      picture,
      filled(wide, tall, colourOf(token)),
      (token % across) * wide,
      Math.floor(token / across) * tall,
    );
  return picture;
}

/** Small images are enlarged to about 96 pixels. */
function scaleOf({ imageSize }: MaeConfig): number {
  return Math.max(1, Math.round(96 / imageSize[0]));
}
