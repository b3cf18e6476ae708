import { expect, it } from 'vitest';
import { timeDispatches } from './gpu-timer.js';

/** A GPU whose clock goes on by a microsecond at each timestamp, in passes that are written down. */
function classes(features: readonly string[]) {
  const passes: string[] = [];
  const written: number[] = [];
  class GPUComputePassEncoder {
    private readonly words: string[] = [];
    setPipeline({ label }: { label: string }): void {
      this.words.push(label);
    }
    setBindGroup(index: number): void {
      this.words.push(`group ${index}`);
    }
    dispatchWorkgroups(...counts: number[]): void {
      this.words.push(counts.join(' x '));
    }
    end(): void {
      passes.push(this.words.join(', '));
    }
  }
  class GPUCommandEncoder {
    beginComputePass({ timestampWrites: writes }: GPUComputePassDescriptor = {}): GPUComputePassEncoder {
      for (const index of [writes?.beginningOfPassWriteIndex, writes?.endOfPassWriteIndex])
        if (index !== undefined) written[index] = 1000 * (written.length + 1);
      return new GPUComputePassEncoder();
    }
    resolveQuerySet(): void {}
    copyBufferToBuffer(): void {}
    finish(): void {}
  }
  class GPUDevice {
    features = new Set(features);
    queue = { submit: () => {} };
    createCommandEncoder(): GPUCommandEncoder {
      return new GPUCommandEncoder();
    }
    createBindGroup(): object {
      return {};
    }
    createQuerySet(): object {
      return {};
    }
    createBuffer({ size }: { size: number }): object {
      const times = () => BigUint64Array.from(written.slice(0, size / 8), BigInt).buffer;
      return { mapAsync: async () => {}, getMappedRange: times, destroy: () => {} };
    }
  }
  return { passes, GPUCommandEncoder, GPUDevice };
}

/** Two kernels in one pass, one of them twice. */
function record(device: GPUDevice): void {
  const buffer = { size: 100 } as GPUBuffer;
  const group = device.createBindGroup({
    layout: {} as GPUBindGroupLayout,
    entries: [
      { binding: 0, resource: { buffer, offset: 20 } },
      { binding: 1, resource: { buffer, size: 5 } },
    ],
  });
  const pass = device.createCommandEncoder().beginComputePass();
  pass.setPipeline({ label: 'product' } as GPUComputePipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(3, 2);
  pass.dispatchWorkgroups(4);
  pass.setPipeline({ label: 'sum' } as GPUComputePipeline);
  pass.dispatchWorkgroups(1);
  pass.end();
}

// What WebGPU's own classes bring along.
Object.assign(globalThis, {
  GPUBufferUsage: { QUERY_RESOLVE: 512, COPY_SRC: 4, COPY_DST: 8, MAP_READ: 1 },
  GPUMapMode: { READ: 1 },
});

it('gives each dispatch a pass of its own, and adds up times and bytes by kernel', async () => {
  const fake = classes(['timestamp-query']);
  const timer = timeDispatches(fake);
  const device = new fake.GPUDevice() as unknown as GPUDevice;
  for (let step = 0; step < 2; step++) {
    record(device);
    expect(await timer.take()).toEqual([
      { name: 'product', dispatches: 2, ms: expect.closeTo(0.002), bytes: 170 },
      { name: 'sum', dispatches: 1, ms: expect.closeTo(0.001), bytes: 85 },
    ]);
  }
  expect(fake.passes.slice(0, 3)).toEqual([
    'product, group 0, 3 x 2',
    'product, group 0, 4',
    'sum, group 0, 1',
  ]);
  expect(await timer.take()).toEqual([]);
});

it('lets passes be where the GPU tells no times', async () => {
  const fake = classes([]);
  const timer = timeDispatches(fake);
  record(new fake.GPUDevice() as unknown as GPUDevice);
  expect(fake.passes).toEqual(['product, group 0, 3 x 2, 4, sum, 1']);
  expect(await timer.take()).toEqual([]);
});
