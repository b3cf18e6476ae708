import type { Internals } from './internals.js';

/** Times what is recorded: see `GpuEngine.time`. */
type Stopwatch = (work: () => void) => Promise<number>;

/** A stopwatch for the command stream of an engine. */
export function openStopwatch(engine: Internals): Stopwatch {
  let clock: GpuClock | undefined;
  return async (work) => {
    flush(engine);
    await engine.queue.onSubmittedWorkDone();
    if (engine.device.features.has('timestamp-query')) clock ??= openClock(engine.device);
    const started = performance.now();
    recordAtOnce(engine, work, clock);
    await engine.queue.onSubmittedWorkDone();
    const elapsed = performance.now() - started;
    const ticked = await clock?.read();
    // Clocks of GPUs are set now and then, and some are too coarse to have moved.
    return ticked !== undefined && ticked > 0 ? ticked : elapsed;
  };
}

/** Record in one pass and submit it, however many dispatches there are. */
function recordAtOnce(engine: Internals, work: () => void, clock: GpuClock | undefined): void {
  engine.ensureCommandEncoderReady();
  const encoder = engine.commandEncoder!;
  engine.computePassEncoder = encoder.beginComputePass(clock === undefined ? {} : clock.around);
  engine.dispatchCountInPass = Number.NEGATIVE_INFINITY;
  work();
  engine.endComputePassEncoder();
  clock?.stop(encoder);
  engine.submitQueue();
}

function flush(engine: Internals): void {
  if (engine.commandEncoder === null) return;
  engine.endComputePassEncoder();
  engine.submitQueue();
}

/** Two timestamps, and the way to the host. */
interface GpuClock {
  readonly around: GPUComputePassDescriptor;
  stop(encoder: GPUCommandEncoder): void;
  /** Milliseconds between the two; when they were taken. */
  read(): Promise<number>;
}

const BYTES = 16;

function openClock(device: GPUDevice): GpuClock {
  const querySet = device.createQuerySet({ label: 'stopwatch', type: 'timestamp', count: 2 });
  const buffer = (usage: GPUBufferUsageFlags): GPUBuffer =>
    device.createBuffer({ label: 'stopwatch', size: BYTES, usage });
  const resolved = buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  const readable = buffer(GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  return {
    around: { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } },
    stop: (encoder) => {
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, readable, 0, BYTES);
    },
    read: async () => {
      await readable.mapAsync(GPUMapMode.READ);
      const [start, end] = new BigUint64Array(readable.getMappedRange());
      const milliseconds = Number(end! - start!) / 1e6;
      readable.unmap();
      return milliseconds;
    },
  };
}
