import type * as tf from '@tensorflow/tfjs-core';
import type { LinearGradInputs } from '../linear/inputs.js';

/** `factor` is like x. */
export type LinearGradTimesInputs = LinearGradInputs & { factor: tf.Tensor };
