/**
 * What is wrong with this WGSL, for a device with all features: Dawn's device without a GPU checks the text and compiles
 * nothing. For kernels that no adapter at hand can run.
 * @returns messages of errors; `undefined` where Dawn is not installed
 */
export async function validateWgsl(code: string): Promise<string[] | undefined> {
  nullDevice ??= openNullDevice();
  const device = await nullDevice;
  if (device === undefined) return undefined;
  device.pushErrorScope('validation');
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  await device.popErrorScope();
  return messages.filter(({ type }) => type === 'error').map(({ message }) => message);
}

let nullDevice: Promise<GPUDevice | undefined> | undefined;

const FEATURES = [
  ...['shader-f16', 'subgroups', 'subgroup-size-control', 'chromium-experimental-subgroup-matrix'],
] as GPUFeatureName[];

async function openNullDevice(): Promise<GPUDevice | undefined> {
  try {
    const { create, globals } = await import('webgpu');
    for (const [name, value] of Object.entries(globals))
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
    const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await gpu.requestAdapter();
    // Dawn lives as long as somebody holds it.
    keep.push(gpu);
    return adapter?.requestDevice({ requiredFeatures: FEATURES });
  } catch {
    return undefined;
  }
}

const keep: GPU[] = [];
