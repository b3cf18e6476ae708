import { type Backend, dispose, openBackend } from '@maehem/backend';
import { seed as rootKey } from '@maehem/random';
import { createParallelPretrainer } from '@maehem/train/node';
import * as tf from '@tensorflow/tfjs-core';
import { CONFIGS, type ConfigName } from './configs.js';
import { drawWorkload } from './draw-workload.js';
import { describeMachine, type Machine } from './machine.js';
import type { Engine } from './peer.js';
import { createTrainer, uploadBatch } from './peers/maehem.js';
import { median } from './step.js';
import type { Workload } from './workload.js';

export interface SoakOptions {
  readonly engine: Engine;
  readonly config: ConfigName;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** A reading after a step. Memory in bytes. */
export interface SoakSample {
  readonly step: number;
  readonly loss: number;
  /** Median time of the steps since the sample before. */
  readonly ms: number;
  /** Tensors that tfjs knows, and buffers that the engine holds. */
  readonly tensors: number;
  readonly buffers: number;
  readonly residentBytes: number;
  /** JavaScript's own heap, garbage included. */
  readonly heapBytes: number;
}

export interface SoakReport extends Engine {
  readonly config: ConfigName;
  readonly batch: number;
  readonly threads: number;
  readonly machine: Machine;
  readonly samples: readonly SoakSample[];
  /** What is larger at the end than after the warm-up, in words; empty when all is flat. */
  readonly growth: readonly string[];
}

const SAMPLES = 20;

/** Resident memory may waver by this much: garbage of JavaScript comes and goes. */
const SLACK = 0.05;

/** Train for many steps in this process, each on a batch that is uploaded for it, and watch what is held. */
export async function benchSoak(options: SoakOptions): Promise<SoakReport> {
  const { engine, config, batch, threads, steps, log } = options;
  const backend = await openBackend(engine.backend, { precision: engine.precision });
  const workload = loadWorkload(options);
  const trainer = createTrainer(workload, (task, start) =>
    createParallelPretrainer(task, start, { threads }),
  );
  const samples: SoakSample[] = [];
  const every = Math.max(1, Math.round(steps / SAMPLES));
  let times: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const begin = performance.now();
    const images = uploadBatch(workload);
    const { loss } = await trainer.step([images]);
    dispose(images);
    times.push(performance.now() - begin);
    if (step % every !== 0) continue;
    const sample = { step, loss, ms: median(times), ...reading(backend) };
    log(`step ${step}: ${sample.ms.toFixed(1)} ms, ${(sample.residentBytes / 2 ** 20).toFixed(0)} MiB`);
    samples.push(sample);
    times = [];
  }
  trainer.dispose();
  return { ...engine, config, batch, threads, machine: describeMachine(), samples, growth: growth(samples) };
}

/** Drawn once: a step must not wait for it. */
function loadWorkload({ config, batch, seed }: SoakOptions): Workload {
  const drawn = drawWorkload(rootKey(seed), CONFIGS[config], batch);
  const values = new Map(drawn.tensors.map((entry) => [entry.name, drawn.read(entry)]));
  return { ...drawn, read: ({ name }) => values.get(name)!.slice() };
}

function reading(backend: Backend) {
  const { tensors } = backend.memory();
  const { rss, heapUsed } = process.memoryUsage();
  return { tensors, buffers: tf.backend().numDataIds(), residentBytes: rss, heapBytes: heapUsed };
}

/** Compare the last quarter of the run with the second one; the first is warm-up. */
export function growth(samples: readonly SoakSample[]): string[] {
  const quarter = Math.floor(samples.length / 4);
  const [before, after] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const middle = (part: readonly SoakSample[], key: keyof SoakSample) => median(part.map((s) => s[key]));
  const slack = { tensors: 0, buffers: 0, residentBytes: SLACK };
  return Object.entries(slack).flatMap(([key, allowed]) => {
    const [from, to] = [before, after].map((part) => middle(part, key as keyof SoakSample)) as [
      number,
      number,
    ];
    return to > from * (1 + allowed) ? [`${key} grew from ${from} to ${to}`] : [];
  });
}
