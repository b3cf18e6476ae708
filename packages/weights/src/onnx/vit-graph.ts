import { assertKnown, type KnownArchitecture } from '../architecture.js';
import type { Named } from '../host-tensor.js';
import type { ModelWeights } from '../model-weights.js';
import type { TensorSource } from '../tensor-source.js';
import { WeightsError } from '../weights-error.js';
import { GraphBuilder, type OnnxGraph } from './graph-builder.js';

/**
 * A vision transformer as a graph of ONNX operations (opset 17): pixel_values [batch, channel, height, width],
 * normalised, in; last_hidden_state [batch, 1 + token, dim] out, the class token first, after the last norm; for a
 * classifier, logits [batch, class]. The batch is any size. A decoder is left out.
 * @throws WeightsError when the number of heads or the image is unknown, or a tensor is missing.
 */
export function vitGraph(model: ModelWeights): OnnxGraph {
  const { architecture, name, tensors } = model;
  assertKnown(architecture, name);
  const graph = new Vit(architecture, tensors, name);
  const { channels, imageSize, dim, classifier } = architecture;
  const input = { name: 'pixel_values', shape: ['batch', channels, ...imageSize] };
  const tokens = graph.transformer(graph.embed(input.name));
  if (classifier !== undefined) {
    graph.name(graph.classify(tokens, classifier.pooling), 'logits');
    return graph.build([input], [{ name: 'logits', shape: ['batch', classifier.classes] }]);
  }
  graph.name(graph.layerNorm(tokens, 'norm'), 'last_hidden_state');
  return graph.build([input], [{ name: 'last_hidden_state', shape: ['batch', graph.tokens, dim] }]);
}

/** The layers of a vision transformer, written down as operations under the names of its weights. */
class Vit extends GraphBuilder {
  readonly #shape: KnownArchitecture;
  readonly #tensors: Named<TensorSource>;
  readonly #file: string;
  /** Patches and the class token. */
  readonly tokens: number;

  constructor(shape: KnownArchitecture, tensors: Named<TensorSource>, file: string) {
    super();
    this.#shape = shape;
    this.#tensors = tensors;
    this.#file = file;
    this.tokens = 1 + (shape.imageSize[0] / shape.patchSize[0]) * (shape.imageSize[1] / shape.patchSize[1]);
  }

  #param(name: string, transposed = false): string {
    const source = this.#tensors[name];
    if (source === undefined)
      throw new WeightsError('the graph needs this tensor, and it is missing', {
        file: this.#file,
        tensor: name,
      });
    return this.weight(name, source, transposed);
  }

  /** Patches as a convolution, the class token before them, positions added: [batch, 1 + token, dim]. */
  embed(pixels: string): string {
    const { patchSize, dim } = this.#shape;
    const kernel = [this.#param('patch_embed.proj.weight'), this.#param('patch_embed.proj.bias')];
    const map = this.add('Conv', [pixels, ...kernel], { kernel_shape: patchSize, strides: patchSize });
    const rows = this.add('Reshape', [map, this.int64([0, dim, -1])]);
    const patches = this.add('Transpose', [rows], { perm: [0, 2, 1] });
    const batch = this.add('Gather', [this.add('Shape', [pixels]), this.int64([0])], { axis: 0 });
    const shape = this.add('Concat', [batch, this.int64([1, dim])], { axis: 0 });
    const classToken = this.add('Expand', [this.#param('cls_token'), shape]);
    return this.add('Add', [
      this.add('Concat', [classToken, patches], { axis: 1 }),
      this.#param('pos_embed'),
    ]);
  }

  /** All blocks in order. */
  transformer(x: string): string {
    let tokens = x;
    for (let index = 0; index < this.#shape.depth; index++) tokens = this.#block(tokens, `blocks.${index}`);
    return tokens;
  }

  #block(x: string, path: string): string {
    const attended = this.add('Add', [
      x,
      this.#attention(this.layerNorm(x, `${path}.norm1`), `${path}.attn`),
    ]);
    return this.add('Add', [attended, this.#mlp(this.layerNorm(attended, `${path}.norm2`), `${path}.mlp`)]);
  }

  #attention(x: string, path: string): string {
    const { dim, heads } = this.#shape;
    const width = dim / heads;
    const packed = this.add('Reshape', [
      this.#linear(x, `${path}.qkv`),
      this.int64([0, this.tokens, 3, heads, width]),
    ]);
    const parts = this.add('Transpose', [packed], { perm: [2, 0, 3, 1, 4] });
    const [q, k, v] = [0, 1, 2].map((part) => this.add('Gather', [parts, this.int64(part)], { axis: 0 }));
    const scaled = this.add('Mul', [q!, this.float(width ** -0.5)]);
    const scores = this.add('MatMul', [scaled, this.add('Transpose', [k!], { perm: [0, 1, 3, 2] })]);
    const mixed = this.add('MatMul', [this.add('Softmax', [scores], { axis: -1 }), v!]);
    const merged = this.add('Transpose', [mixed], { perm: [0, 2, 1, 3] });
    return this.#linear(this.add('Reshape', [merged, this.int64([0, this.tokens, dim])]), `${path}.proj`);
  }

  #mlp(x: string, path: string): string {
    return this.#linear(this.#gelu(this.#linear(x, `${path}.fc1`)), `${path}.fc2`);
  }

  /** x / 2 * (1 + erf(x / √2)), in the form that onnxruntime knows and fuses. */
  #gelu(x: string): string {
    const erf = this.add('Erf', [this.add('Div', [x, this.float(Math.SQRT2)])]);
    return this.add('Mul', [this.add('Mul', [x, this.add('Add', [erf, this.float(1)])]), this.float(0.5)]);
  }

  #linear(x: string, path: string): string {
    const product = this.add('MatMul', [x, this.#param(`${path}.weight`, true)]);
    return this.add('Add', [product, this.#param(`${path}.bias`)]);
  }

  layerNorm(x: string, path: string): string {
    const params = [this.#param(`${path}.weight`), this.#param(`${path}.bias`)];
    return this.add('LayerNormalization', [x, ...params], { axis: -1, epsilon: this.#shape.normEps });
  }

  /** [batch, 1 + token, dim] → [batch, class]. */
  classify(tokens: string, pooling: 'mean' | 'class'): string {
    if (pooling === 'class') {
      const classToken = this.add('Gather', [tokens, this.int64(0)], { axis: 1 });
      return this.#linear(this.layerNorm(classToken, 'norm'), 'head');
    }
    const range = [this.int64([1]), this.int64([this.tokens]), this.int64([1])];
    const patches = this.add('Slice', [tokens, range[0]!, range[1]!, range[2]!]);
    const mean = this.add('ReduceMean', [patches], { axes: [1], keepdims: 0 });
    return this.#linear(this.layerNorm(mean, 'fc_norm'), 'head');
  }
}
