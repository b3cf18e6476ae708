import { dispose } from '@maehem/backend';
import { initMae, isDecoder, type MaeConfig, type MaeEncoder } from '@maehem/mae';
import { seed } from '@maehem/random';
import { loadPretrained, vitConfigOf } from '@maehem/train';
import type { ModelWeights } from '@maehem/weights';

/** A decoder as small as can be: it is thrown away at once. */
const NO_DECODER = { decoderDim: 4, decoderDepth: 1, decoderHeads: 1 };

/**
 * The encoder of weights in any format. A fine-tuned classifier with mean pooling has no norm for single tokens: it
 * gets a fresh one.
 * @throws TensorMismatchError when anything else of the encoder is missing.
 */
export async function loadEncoderOf(
  model: ModelWeights,
): Promise<{ encoder: MaeEncoder; config: MaeConfig }> {
  const { encoderMaskTokens } = model.architecture;
  const config: MaeConfig = { ...vitConfigOf(model), ...NO_DECODER, encoderMaskTokens };
  const fresh = Object.entries(initMae(seed(0), config));
  for (const [name, tree] of fresh) if (isDecoder(name)) dispose(tree as Parameters<typeof dispose>[0]);
  const parts = Object.fromEntries(fresh.filter(([name]) => !isDecoder(name))) as unknown as MaeEncoder;
  const { params } = await loadPretrained(parts, model, {
    ...{ imageSize: config.imageSize, patchSize: config.patchSize },
    mayStartFresh: (path) => path.startsWith('norm.'),
  });
  return { encoder: params, config };
}
