import { maePreset, smallMaePreset } from '@maehem/mae';
/** The sizes at which steps are timed: two small ones for 32 x 32 images, and ViT-B/16 with the paper's decoder. */
export const CONFIGS = {
    small: smallMaePreset('small'),
    cifar: smallMaePreset('cifar'),
    b16: maePreset('vit-b'),
};
/** The paper's mask ratio (section 4.1). */
export const MASK_RATIO = 0.75;
//# sourceMappingURL=configs.js.map