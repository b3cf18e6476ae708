import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { LIBRARY_NAMES } from './source.js';
import { cudaRequirements, openWheel } from './wheel.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-wheel-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const library = LIBRARY_NAMES.main[0]!;
const { framework } = LIBRARY_NAMES;
const TAG = process.platform === 'darwin' ? 'macosx_12_0_arm64' : 'manylinux_2_17_x86_64';
const info = 'tensorflow_cpu-2.21.0.dist-info';

const CONTENTS: Readonly<Record<string, string>> = {
  [`tensorflow/${library}`]: 'the library',
  [`tensorflow/${framework}`]: 'the framework',
  'tensorflow/include/tensorflow/c/c_api.h': '#include "tensorflow/c/tf_status.h"',
  'tensorflow/include/xla/tsl/c/tsl_status.h': '// status',
  'tensorflow/include/Eigen/Core': '// not needed',
  'tensorflow/python/platform/build_info.py':
    "build_info = collections.OrderedDict([('is_cuda_build', False), ('is_rocm_build', False)])",
  [`${info}/METADATA`]: [
    'Requires-Dist: numpy>=1.26.0',
    'Provides-Extra: and-cuda',
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    "Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75 ; extra == 'and-cuda'",
    'Requires-Dist: tensorflow-io; sys_platform != "win32" and extra == "gcs"',
  ].join('\n'),
};

/** pip writes the checksum in base64 for URLs, without padding. */
function recordLine(name: string, content: string): string {
  const hash = createHash('sha256').update(content).digest('base64url');
  return `${name},sha256=${hash},${content.length}`;
}

let wheels = 0;

interface WheelOptions {
  readonly contents?: Readonly<Record<string, string>>;
  readonly record?: Readonly<Record<string, string>>;
  readonly tag?: string;
}

/** Stored, not compressed, so that a changed byte stays a readable archive. */
function wheel({ contents = CONTENTS, record = contents, tag = TAG }: WheelOptions = {}): string {
  const lines = Object.entries(record).map(([name, content]) => recordLine(name, content));
  const files = { ...contents, [`${info}/RECORD`]: [...lines, `${info}/RECORD,,`].join('\n') };
  const entries = Object.entries(files).map(([name, content]) => [name, strToU8(content)] as const);
  // The number is the build tag that a wheel's name may have.
  const path = join(root, `tensorflow_cpu-2.21.0-${wheels++}-cp312-cp312-${tag}.whl`);
  writeFileSync(path, zipSync(Object.fromEntries(entries), { level: 0 }));
  return path;
}

function emptyFolders(): { libraries: string; headers: string } {
  const folder = mkdtempSync(join(root, 'installation-'));
  return { libraries: join(folder, 'lib'), headers: join(folder, 'include') };
}

describe.runIf(process.arch === 'x64' || process.platform === 'darwin')('a wheel of TensorFlow', () => {
  it('gives its libraries and the headers that the binding needs', async () => {
    const source = await openWheel(wheel());
    const folders = emptyFolders();
    expect(await source.provide(folders)).toBe(folders.headers);
    expect(readFileSync(join(folders.libraries, library), 'utf8')).toBe('the library');
    expect(readFileSync(join(folders.libraries, framework), 'utf8')).toBe('the framework');
    expect(existsSync(join(folders.headers, 'tensorflow', 'c', 'c_api.h'))).toBe(true);
    expect(existsSync(join(folders.headers, 'xla', 'tsl', 'c', 'tsl_status.h'))).toBe(true);
    expect(existsSync(join(folders.headers, 'Eigen'))).toBe(false);
  });

  it('is known by the checksum of its library, and says that it has no CUDA', async () => {
    const { fingerprint, variant, kind } = await openWheel(wheel());
    expect(fingerprint).toBe(createHash('sha256').update('the library').digest('hex'));
    expect({ kind, variant }).toEqual({ kind: 'wheel', variant: 'cpu' });
  });

  it('names the packages of the extra and-cuda', async () => {
    expect(await cudaRequirements(wheel())).toEqual([
      'nvidia-cublas-cu12<13.0,>=12.5.3.2',
      'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
    ]);
  });

  it('unpacks the wheels of NVIDIA that lie beside it', async () => {
    const path = wheel();
    const cudart = 'nvidia/cuda_runtime/lib/libcudart.so.12';
    const files = { [cudart]: 'runtime', 'nvidia/cuda_runtime/include/cuda.h': 'header' };
    const record = Object.entries(files).map(([name, content]) => recordLine(name, content));
    const nvidia = join(root, 'nvidia_cuda_runtime_cu12-12.5.82-py3-none-manylinux_2_17_x86_64.whl');
    const entries = { ...files, 'nvidia_cuda_runtime_cu12-12.5.82.dist-info/RECORD': record.join('\n') };
    writeFileSync(
      nvidia,
      zipSync(Object.fromEntries(Object.entries(entries).map(([name, text]) => [name, strToU8(text)]))),
    );
    const work = join(root, 'nvidia-wheels');
    const source = await openWheel(path);
    expect(await source.cudaFolders(work)).toEqual([join(work, 'nvidia', 'cuda_runtime', 'lib')]);
    expect(readFileSync(join(work, cudart), 'utf8')).toBe('runtime');
    expect(existsSync(join(work, 'nvidia', 'cuda_runtime', 'include'))).toBe(false);
    rmSync(nvidia);
  });

  it('is refused when a file is not what RECORD says', async () => {
    const changed = { ...CONTENTS, [`tensorflow/${framework}`]: 'another framework' };
    const source = await openWheel(wheel({ contents: changed, record: CONTENTS }));
    await expect(source.provide(emptyFolders())).rejects.toThrow(
      /libtensorflow_framework.*: SHA-256 is [0-9a-f]{64}, its RECORD says [0-9a-f]{64}; get the wheel again/,
    );
  });

  it('is refused when it was cut short', async () => {
    const path = wheel();
    truncateSync(path, 300);
    await expect(openWheel(path)).rejects.toThrow(`${path}: not a whole zip archive`);
  });

  it('is refused when it is a page that says "not found"', async () => {
    const path = wheel();
    writeFileSync(path, '<html>404</html>');
    await expect(openWheel(path)).rejects.toThrow(`${path}: not a whole zip archive`);
  });

  it('is refused when it is of another package', async () => {
    const path = wheel({ contents: { 'numpy/core.so': 'x' } });
    await expect(openWheel(path)).rejects.toThrow(/has no tensorflow\/libtensorflow_cc/);
  });

  it('is refused when it is for another machine', async () => {
    const path = wheel({ tag: 'manylinux_2_27_s390x' });
    await expect(openWheel(path)).rejects.toThrow(/is made for manylinux_2_27_s390x, this is/);
  });
});
