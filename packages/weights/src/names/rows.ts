import { bytesPerElement, type HostTensor, hostTensor, tensorBytes } from '../host-tensor.js';
import { lazyTensor, loadTensor, type TensorSource } from '../tensor-source.js';
import { WeightsError } from '../weights-error.js';

/**
 * Tensors one below the other.
 * @throws WeightsError when they are not alike.
 */
export function concatRows(parts: readonly TensorSource[], name: string, file: string): TensorSource {
  const [first, ...others] = parts as [TensorSource, ...TensorSource[]];
  const [, ...rest] = first.shape;
  for (const { dtype, shape } of others)
    if (
      dtype !== first.dtype ||
      String(shape.slice(1)) !== String(rest) ||
      shape.length !== first.shape.length
    )
      throw new WeightsError('query, key and value are not alike', {
        file,
        tensor: name,
        value: parts.map(({ shape }) => shape),
      });
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const spec = { dtype: first.dtype, shape: [rows, ...rest] };
  return lazyTensor(spec, async () => {
    const loaded: HostTensor[] = [];
    for (const part of parts) loaded.push(await loadTensor(part));
    const bytes = new Uint8Array(loaded.reduce((sum, { data }) => sum + data.byteLength, 0));
    let at = 0;
    for (const part of loaded) {
      bytes.set(tensorBytes(part), at);
      at += part.data.byteLength;
    }
    return hostTensor(spec, bytes.buffer);
  });
}

/** `count` rows of a tensor from row `first` on. */
export function sliceRows(source: TensorSource, first: number, count: number): TensorSource {
  const [, ...rest] = source.shape;
  const spec = { dtype: source.dtype, shape: [count, ...rest] };
  return lazyTensor(spec, async () => {
    const bytes = tensorBytes(await loadTensor(source));
    const rowBytes = rest.reduce((product, dim) => product * dim, bytesPerElement(source.dtype));
    return hostTensor(spec, bytes.slice(first * rowBytes, (first + count) * rowBytes).buffer);
  });
}

/** Zeros as float32. */
export function zeros(shape: readonly number[]): HostTensor<'F32'> {
  return { dtype: 'F32', shape, data: new Float32Array(shape.reduce((product, dim) => product * dim, 1)) };
}
