import { fold, type Key, permutation, uniform } from '@maehem/random';
import type { Image } from '../image.js';
import { adjustBrightness, adjustColour, adjustContrast } from './enhance.js';

const ADJUSTMENTS = [adjustBrightness, adjustContrast, adjustColour] as const;

/**
 * Colour jitter as torchvision's: brightness, contrast and saturation, each by a factor uniform in 1 ± strength, in an
 * order of chance. The paper's ablation (table 1e) has it beside crops; it hurts there.
 * @param strength 0 … 1
 */
export function colourJitter(image: Image, key: Key, strength: number): Image {
  if (!(strength >= 0 && strength <= 1))
    throw new Error(`colour jitter needs a strength from 0 to 1, got ${strength}`);
  const factors = uniform(fold(key, 'factors'), ADJUSTMENTS.length, 1 - strength, 1 + strength);
  return permutation(fold(key, 'order'), ADJUSTMENTS.length).reduce<Image>(
    (adjusted, which) => ADJUSTMENTS[which]!(adjusted, factors[which]!),
    image,
  );
}
