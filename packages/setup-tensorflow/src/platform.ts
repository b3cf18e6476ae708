import { statfs } from 'node:fs/promises';
import { family, GLIBC, version } from 'detect-libc';

/** What of the machine decides whether a TensorFlow can run on it. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** `undefined` where the C library is another one, as musl on Alpine. */
  readonly glibc: string | undefined;
}

export async function thisMachine(): Promise<Machine> {
  const { platform, arch } = process;
  const glibc = (await family()) === GLIBC ? ((await version()) ?? undefined) : undefined;
  return { platform, arch, glibc };
}

/** Machines for which the TensorFlow project builds a C library that we can use. */
const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

/** A library, an npm package and the build beside them, with room to spare. */
const NEEDED_BYTES = { cpu: 2e9, cuda: 9e9 } as const;

/** Why no TensorFlow can run on such a machine; `undefined` when one can. */
export function machineProblem({ platform, arch, glibc }: Machine): string | undefined {
  if (!SUPPORTED.includes(`${platform}-${arch}`))
    return `there is no TensorFlow library for ${platform}-${arch}; it is made for ${SUPPORTED.join(', ')}. The wasm and webgpu backends work here.`;
  if (platform === 'linux' && glibc === undefined)
    return 'TensorFlow needs glibc, and this Linux has another C library (musl, as on Alpine): use an image such as node:22-bookworm.';
  return undefined;
}

/**
 * Why a wheel cannot be used on a machine, from the platform tags in its name
 * (`…-manylinux_2_27_x86_64.whl`, PEP 600); `undefined` when it can.
 */
export function wheelProblem(name: string, { platform, arch, glibc }: Machine): string | undefined {
  const [tags = ''] = name
    .replace(/\.whl$/, '')
    .split('-')
    .slice(-1);
  const machine = { x64: 'x86_64', arm64: platform === 'darwin' ? 'arm64' : 'aarch64' }[arch] ?? arch;
  const system = platform === 'darwin' ? 'macosx' : 'linux';
  if (!tags.includes(system) || !tags.includes(machine))
    return `${name} is made for ${tags}, this is ${system} on ${machine}`;
  const needed = [...tags.matchAll(/manylinux_(\d+)_(\d+)/g)].map(([, major, minor]) => [
    Number(major),
    Number(minor),
  ]);
  const [lowest] = needed.sort(([, a = 0], [, b = 0]) => a - b);
  if (lowest === undefined || glibc === undefined) return undefined;
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = lowest;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return undefined;
  return `${name} needs glibc ${lowest.join('.')}; this machine has ${glibc}`;
}

/** Why the disk under `folder` is too full; `undefined` when it is not. */
export async function spaceProblem(folder: string, variant: 'cpu' | 'cuda'): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= NEEDED_BYTES[variant]) return undefined;
  return `${folder} has ${(free / 1e9).toFixed(1)} GB free; ${NEEDED_BYTES[variant] / 1e9} GB are needed. MAEHEM_CACHE sets another place.`;
}
