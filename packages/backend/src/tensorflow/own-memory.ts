import { DataTypes, type TensorFlowBinding, type TensorFlowEngine } from './binding.js';

/**
 * Give every tensor memory of TensorFlow's own. Call once.
 *
 * The binding's `createTensor` lets TensorFlow compute on the JavaScript array itself (where it is aligned for
 * that) and holds the array by an N-API reference, which it gives back on whatever thread the tensor dies. In a
 * graph that is one of TensorFlow's, while N-API belongs to the main thread: V8's lists of handles get torn, and
 * the process dies in some later garbage collection. So the values are copied here, and the array is let go of at
 * once, on the main thread.
 */
export function ownMemory(engine: TensorFlowEngine): void {
  const real = engine.binding;
  const onGpu = real.isUsingGpuDevice();
  const createTensor: TensorFlowBinding['createTensor'] = (shape, dtype, values) => {
    const shared = real.createTensor(shape, dtype, values);
    // Strings are always copied; on a GPU everything but int32 has just been copied to it.
    if (dtype === DataTypes.string || (onGpu && dtype !== DataTypes.int32)) return shared;
    try {
      const type = [{ name: 'T', type: real.TF_ATTR_TYPE, value: dtype }];
      return real.executeOp('DeepCopy', type, [shared], 1)[0]!.id;
    } finally {
      real.deleteTensor(shared);
    }
  };
  // The binding's own members are read-only: this one is shadowed, not assigned.
  engine.binding = Object.create(real, { createTensor: { value: createTensor } }) as TensorFlowBinding;
}
