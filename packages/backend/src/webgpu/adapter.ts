import { NO_ADAPTER, openGpu } from '#gpu';
import { host } from './host.js';

/** `high-performance`, `low-power`, `fallback` (a software adapter), or a part of an adapter's name. */
export type AdapterChoice = string;

/** An adapter, and where it came from: Dawn lives as long as somebody holds on to that. */
export interface FoundAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

const POWER_PREFERENCES: ReadonlySet<string> = new Set(['high-performance', 'low-power']);

/**
 * The adapter that was asked for, or a sentence on why there is none and what to do.
 * Asking again is cheap.
 */
export async function findAdapter(
  choice: AdapterChoice = 'high-performance',
): Promise<FoundAdapter | string> {
  const named = choice !== 'fallback' && !POWER_PREFERENCES.has(choice);
  const gpu = await openGpu(named ? choice : undefined);
  if (typeof gpu === 'string') return gpu;
  try {
    const adapter = await gpu.requestAdapter(requestOptions(choice));
    if (adapter === null) return NO_ADAPTER;
    // In a page nothing but the power preference chooses; Dawn has looked for the name already.
    if (named && !adapterName(adapter).toLowerCase().includes(choice.toLowerCase()) && !isDawn(gpu))
      return `no adapter is named '${choice}'; this browser offers '${adapterName(adapter)}'`;
    return { gpu, adapter };
  } catch (error) {
    return `no adapter for '${choice}': ${(error as Error).message.replaceAll(/\s*\n\s*/g, ' ')}`;
  }
}

function requestOptions(choice: AdapterChoice): GPURequestAdapterOptions {
  if (choice === 'fallback') return { forceFallbackAdapter: true };
  return { powerPreference: choice === 'low-power' ? 'low-power' : 'high-performance' };
}

function isDawn(gpu: GPU): boolean {
  return gpu !== host.navigator?.gpu;
}

/** An adapter in words, as its driver puts it. */
export function adapterName({ info }: GPUAdapter): string {
  const { vendor, architecture, device, description } = info;
  return [...new Set([description, device, vendor, architecture])].filter((word) => word !== '').join(', ');
}

/** Does this adapter compute on the CPU? */
export function isSoftware(adapter: GPUAdapter): boolean {
  return (
    adapter.info.isFallbackAdapter ||
    /swiftshader|llvmpipe|lavapipe|softpipe|warp|basic render/i.test(adapterName(adapter))
  );
}
