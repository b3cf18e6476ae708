// The process that examines one engine, `node examine-worker.js NAME quick|full`: whatever it does to itself, the
// others are not harmed.
import { type BackendName, openBackend, PROVIDERS } from '@maehem/backend';
import type { ExaminationMessage, Findings } from './examination.js';
import { computeFigures, judge } from './golden.js';
import { measureMemory, measureProducts, measureTraining } from './speed.js';

const [name, extent] = process.argv.slice(2) as [BackendName, 'quick' | 'full'];

try {
  await examine();
  process.disconnect();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function examine(): Promise<void> {
  await tell({ stage: 'opening' });
  const provider = PROVIDERS.find((candidate) => candidate.name === name);
  const unavailable = await provider?.unavailable();
  if (unavailable !== undefined) return find({ unavailable });
  const start = performance.now();
  const { description, details, capabilities, memory } = await openBackend(name);
  await find({
    ...{ description, capabilities, openSeconds: (performance.now() - start) / 1000 },
    ...(details === undefined ? {} : { details }),
  });
  await tell({ stage: 'computing' });
  await find({ verdict: judge(await computeFigures()) });
  if (extent === 'full') {
    await tell({ stage: 'timing products' });
    const products = await measureProducts();
    await find({ products });
    await tell({ stage: 'timing memory' });
    await find({ bandwidth: await measureMemory() });
    await tell({ stage: 'timing training' });
    await find({ training: await measureTraining(products.gflops) });
  }
  await find({ memory: memory() });
}

function find(findings: Findings): Promise<void> {
  return tell({ findings });
}

/** Resolves when it is sent: a crash afterwards takes nothing with it. */
function tell(message: ExaminationMessage): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()));
}
