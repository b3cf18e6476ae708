import { type MaeConfig } from '@maehem/mae';
/** The sizes at which steps are timed: two small ones for 32 x 32 images, and ViT-B/16 with the paper's decoder. */
export declare const CONFIGS: Readonly<Record<'small' | 'cifar' | 'b16', MaeConfig>>;
export type ConfigName = keyof typeof CONFIGS;
/** The paper's mask ratio (section 4.1). */
export declare const MASK_RATIO = 0.75;
//# sourceMappingURL=configs.d.ts.map