// `node compile-main.js WORK`, with the environment of a `NullDriver`: the pipelines of a step, one after the other, through
// the driver's compiler, which prints what it makes of them to stderr. Answers are JSON lines on file descriptor 3.
import { writeSync } from 'node:fs';
import { create, globals } from 'webgpu';
import { type CompilerLine, mark } from './compiler-process.js';
import { type StepPipeline, type StepWork, stepPipelines } from './step-pipelines.js';

const STDERR = 2;
const ANSWERS = 3;

Object.assign(globalThis, globals);
const gpu = create(['enable-dawn-features=allow_unsafe_apis']);
// Dawn goes when nobody holds it, under the feet of its devices.
Object.assign(globalThis, { heldDawn: gpu });

await main(JSON.parse(process.argv[2]!) as StepWork).catch(({ message }: Error) => tell({ error: message }));
process.exit();

async function main(work: StepWork): Promise<void> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('Dawn finds no adapter');
  const { pipelines, features } = await stepPipelines(work, adapter);
  const device = await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits: workgroupLimits(adapter.limits),
  });
  tell({ adapter: adapter.info.description, pipelines });
  for (const [index, pipeline] of pipelines.entries()) {
    writeSync(STDERR, `${mark(index)}\n`);
    await compile(device, pipeline);
    tell({ compiled: index });
  }
}

function workgroupLimits({
  maxComputeInvocationsPerWorkgroup,
  maxComputeWorkgroupStorageSize,
  maxComputeWorkgroupSizeX,
  maxStorageBuffersPerShaderStage,
}: GPUSupportedLimits): Record<string, number> {
  return {
    ...{ maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize },
    ...{ maxComputeWorkgroupSizeX, maxStorageBuffersPerShaderStage },
  };
}

async function compile(device: GPUDevice, { name, wgsl }: StepPipeline): Promise<void> {
  const module = device.createShaderModule({ label: name, code: wgsl });
  const { messages } = await module.getCompilationInfo();
  const wrong = messages.find(({ type }) => type === 'error');
  if (wrong !== undefined) throw new Error(`${name}: line ${wrong.lineNum}: ${wrong.message}`);
  await device.createComputePipelineAsync({ label: name, layout: 'auto', compute: { module } });
}

function tell(line: CompilerLine): void {
  writeSync(ANSWERS, `${JSON.stringify(line)}\n`);
}
