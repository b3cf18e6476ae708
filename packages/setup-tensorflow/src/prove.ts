import { join } from 'node:path';
import { BINDING } from './installation.js';
import { restoreRemovedUtils } from './removed-utils.js';
import { runProgram } from './run-program.js';

/** What a tfjs-node said when it was loaded and asked to multiply. */
export interface Proof {
  /** TensorFlow's version. */
  readonly version: string;
  /** Whether a GPU computes. */
  readonly gpu: boolean;
}

interface Answer extends Proof {
  readonly product: readonly number[];
}

const PRODUCT = [7, 10, 15, 22];

/** Run as a program of its own: a library that does not load may end the process. */
const PROGRAM = `
(${restoreRemovedUtils})(require('node:util'));
const [packageDir, binding] = process.argv.slice(1);
const tf = require(packageDir);
const a = tf.tensor2d([[1, 2], [3, 4]]);
const answer = {
  version: require(binding).TF_Version,
  gpu: tf.backend().isUsingGpuDevice,
  product: Array.from(tf.matMul(a, a).dataSync()),
};
console.log('\\nANSWER ' + JSON.stringify(answer));
`;

/**
 * Load a tfjs-node in another process and multiply two matrices with it.
 * @throws when it does not load, or multiplies wrongly
 */
export async function proveTensorFlow(packageDir: string): Promise<Proof> {
  const output = await runProgram(process.execPath, ['-e', PROGRAM, packageDir, join(packageDir, BINDING)], {
    env: { TF_CPP_MIN_LOG_LEVEL: '2', NODE_OPTIONS: '' },
  });
  const answer = /^ANSWER (.*)$/m.exec(output)?.[1];
  if (answer === undefined) throw new Error(`${packageDir} loads, and then says nothing:\n${output}`);
  const { product, ...proof } = JSON.parse(answer) as Answer;
  if (product.join() !== PRODUCT.join())
    throw new Error(`${packageDir} multiplies wrongly: [${product}] instead of [${PRODUCT}]`);
  return proof;
}
