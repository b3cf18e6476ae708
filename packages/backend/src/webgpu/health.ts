/** The GPU is gone: its driver crashed or was reset, the machine slept, or the card was taken away. */
export class GpuLostError extends Error {
  override readonly name = 'GpuLostError';
}

/** A buffer that the GPU has no room for, or that is larger than it allows. */
export class GpuMemoryError extends Error {
  override readonly name = 'GpuMemoryError';
}

/**
 * WebGPU reports what goes wrong later and elsewhere. This remembers the first failure of a device, so that
 * the next kernel or reading throws it, with the story that belongs to it.
 */
export interface DeviceHealth {
  readonly failure: Error | undefined;
  /** @throws the first failure of the device. */
  check(): void;
  /** Let reports that are on their way arrive. */
  settle(): Promise<void>;
}

/** Watch a device, and every buffer made on it. */
export function watchDevice(device: GPUDevice, tensorInMaking: () => string): DeviceHealth {
  let failure: Error | undefined;
  const pending = new Set<Promise<unknown>>();
  const fail = (error: Error): void => {
    // What comes after a failed allocation or a loss are its consequences.
    if (failure === undefined || (error instanceof GpuMemoryError && !(failure instanceof GpuMemoryError)))
      failure = error;
  };
  void device.lost.then(({ reason, message }) =>
    fail(
      new GpuLostError(
        `the GPU device was lost (${[reason, message].filter((word) => word !== '' && word !== undefined).join(': ')})`,
      ),
    ),
  );
  device.addEventListener('uncapturederror', ({ error }) => {
    fail(
      error instanceof GPUOutOfMemoryError
        ? new GpuMemoryError(`the GPU is out of memory: ${error.message}`)
        : new Error(`WebGPU: ${error.message}`),
    );
  });
  watchAllocations(device, tensorInMaking, fail, pending);
  return {
    get failure() {
      return failure;
    },
    check: () => {
      if (failure !== undefined) throw failure;
    },
    settle: async () => {
      await Promise.allSettled([...pending, new Promise((resolve) => setTimeout(resolve, 0))]);
    },
  };
}

/** Buffers are made in few places and seldom: each can afford an error scope. */
function watchAllocations(
  device: GPUDevice,
  tensorInMaking: () => string,
  fail: (error: Error) => void,
  pending: Set<Promise<unknown>>,
): void {
  const createBuffer = device.createBuffer.bind(device);
  let bytes = 0;
  device.createBuffer = (descriptor) => {
    const { size } = descriptor;
    const what = tensorInMaking();
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    if (size > limit)
      throw new GpuMemoryError(
        `${what} takes ${inWords(size)}, more than this GPU allows for one buffer (${inWords(limit)}); use a smaller batch or model`,
      );
    const before = bytes;
    const story = (): GpuMemoryError =>
      new GpuMemoryError(
        `the GPU has no room for ${what} of ${inWords(size)}, after ${inWords(before)} that were allocated before; use a smaller batch or model`,
      );
    device.pushErrorScope('out-of-memory');
    try {
      const buffer = createBuffer(descriptor);
      bytes += size;
      return buffer;
    } catch (error) {
      // A mapped buffer that finds no room throws at once.
      throw error instanceof RangeError ? story() : error;
    } finally {
      // A device that is lost takes its scopes along.
      const scope: Promise<void> = device
        .popErrorScope()
        .then((error) => (error === null ? undefined : fail(story())))
        .catch(() => undefined)
        .finally(() => pending.delete(scope));
      pending.add(scope);
    }
  };
}

function inWords(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(0)} MB`;
}
