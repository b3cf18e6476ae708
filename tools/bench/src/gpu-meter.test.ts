import { expect, it } from 'vitest';
import { countFrom } from './gpu-meter.js';

it('counts what goes through WebGPU, and the most memory alive at a time', () => {
  class GPUBuffer {
    destroy(): void {}
  }
  class GPUDevice {
    createBuffer(_descriptor: { size: number }): GPUBuffer {
      return new GPUBuffer();
    }
  }
  class GPUQueue {
    submit(): void {}
  }
  class GPUComputePassEncoder {
    dispatchWorkgroups(): void {}
    dispatchWorkgroupsIndirect(): void {}
  }
  const meter = countFrom({ GPUBuffer, GPUDevice, GPUQueue, GPUComputePassEncoder });
  const device = new GPUDevice();
  device.createBuffer({ size: 100 }).destroy();
  const second = device.createBuffer({ size: 60 });
  device.createBuffer({ size: 50 });
  second.destroy();
  second.destroy();
  new GPUComputePassEncoder().dispatchWorkgroups();
  new GPUQueue().submit();
  expect(meter.take()).toEqual({ dispatches: 1, submits: 1, buffers: 3, peakBytes: 110 });
  expect(meter.take()).toEqual({ dispatches: 0, submits: 0, buffers: 0, peakBytes: 110 });
});
