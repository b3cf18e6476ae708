import type { Dtype, HostTensor, TensorSpec } from './host-tensor.js';

/** A tensor in memory already, or fetched when its turn comes, so that one is held at a time. */
export type TensorSource =
  | HostTensor
  | { [D in Dtype]: TensorSpec<D> & { readonly load: () => Promise<HostTensor<D>> } }[Dtype];

/** The tensor of a source. */
export async function loadTensor(source: TensorSource): Promise<HostTensor> {
  return 'data' in source ? source : source.load();
}

/** A source of what is known of a tensor, and how to get it. */
export function lazyTensor({ dtype, shape }: TensorSpec, load: () => Promise<HostTensor>): TensorSource {
  return { dtype, shape, load } as TensorSource;
}
