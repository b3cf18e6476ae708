/** What TensorFlow can compute on. */
export type TensorFlowVariant = 'cpu' | 'cuda';

/** A `@tensorflow/tfjs-node` or `-gpu` whose binding and TensorFlow library are there. */
export interface TensorFlowInstallation {
  /** Absolute path of the package's folder. */
  readonly packageDir: string;
  /** TensorFlow's own version, such as `2.21.0`. */
  readonly libraryVersion: string;
  readonly variant: TensorFlowVariant;
  /** Absolute path of what `setupTensorFlow` wrote about it; a peer that the user installed has none. */
  readonly manifestPath: string | undefined;
}

/** The tfjs version that everything here belongs to; tfjs's packages pin each other exactly. */
export const TFJS_VERSION = '4.22.0';

/** The npm package whose binding is built. tfjs knows by its name whether a GPU is to be looked for. */
export function packageOf(variant: TensorFlowVariant): string {
  return variant === 'cuda' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
}

/** Node-API version of the binding; tfjs-node looks for the binding in `lib/napi-v8`. */
export const NAPI_VERSION = 8;

/** The binding's file, relative to the package's folder. */
export const BINDING: string = `lib/napi-v${NAPI_VERSION}/tfjs_binding.node`;

/** Our own small binding beside it, which opens a library without what its constructors write to stderr. */
export const QUIET_OPENER: string = `lib/napi-v${NAPI_VERSION}/open_quietly.node`;

/** What a user runs to get the variant. */
export function setupCommand(variant: TensorFlowVariant): string {
  return variant === 'cuda' ? 'maehem setup tensorflow --gpu' : 'maehem setup tensorflow';
}
