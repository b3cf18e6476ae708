import * as tf from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { takeTokensWebGpu } from './take-tokens-webgpu.js';

/**
 * x [batch, token, dim] → [[batch, count, dim]], tokens begin … begin + count - 1 of each sample. One copy a
 * sample; tfjs's wasm slice first copies the whole input to JavaScript.
 */
export const takeTokens: Kernel<{ x: tf.Tensor3D }, { begin: number; count: number }> = defineKernel<
  { x: tf.Tensor3D },
  { begin: number; count: number }
>({
  name: 'MaehemTakeTokens',
  host: ({ x }, { begin, count }, memory) => {
    const [batch, tokens, dim] = x.shape as [number, number, number];
    const output = memory.allocate([batch, count, dim], 'float32');
    const out = floats(memory, output);
    const input = floats(memory, x);
    for (let b = 0; b < batch; b++) {
      const from = (b * tokens + begin) * dim;
      out.set(input.subarray(from, from + count * dim), b * count * dim);
    }
    return [output];
  },
  wasm: ({ x }, { begin, count }, { allocate, address, code }) => {
    const [batch, tokens, dim] = x.shape as [number, number, number];
    const output = allocate([batch, count, dim], 'float32');
    code.takeTokens(address(x), batch, tokens, begin, count, dim, address(output));
    return [output];
  },
  webgpu: takeTokensWebGpu,
  composite: ({ x }, { begin, count }) => {
    const [batch, , dim] = x.shape;
    return [tf.slice(x, [0, begin, 0], [batch, count, dim])];
  },
});
