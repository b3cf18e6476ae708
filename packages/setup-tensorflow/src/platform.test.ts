import { expect, it } from 'vitest';
import { machineProblem, wheelProblem } from './platform.js';

const debian = { platform: 'linux', arch: 'x64', glibc: '2.36' };

it.each([
  [debian, undefined],
  [{ ...debian, arch: 'arm64' }, undefined],
  [{ platform: 'darwin', arch: 'arm64', glibc: undefined }, undefined],
  [{ ...debian, glibc: undefined }, /musl, as on Alpine/],
  [{ platform: 'win32', arch: 'x64', glibc: undefined }, /no TensorFlow library for win32-x64/],
  [{ platform: 'darwin', arch: 'x64', glibc: undefined }, /no TensorFlow library for darwin-x64/],
])('%j', (machine, message) => {
  const problem = machineProblem(machine);
  if (message === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(message);
});

it.each([
  ['tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl', debian, undefined],
  ['tensorflow-2.18.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl', debian, undefined],
  [
    't-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
    { ...debian, glibc: '2.26' },
    /needs glibc 2\.27; this machine has 2\.26/,
  ],
  [
    't-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl',
    debian,
    /is made for manylinux_2_27_aarch64, this is linux on x86_64/,
  ],
  ['t-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl', { ...debian, arch: 'arm64' }, undefined],
  ['t-2.21.0-cp311-cp311-win_amd64.whl', debian, /is made for win_amd64/],
  [
    't-2.21.0-cp311-cp311-macosx_12_0_arm64.whl',
    { platform: 'darwin', arch: 'arm64', glibc: undefined },
    undefined,
  ],
])('%s on %j', (name, machine, message) => {
  const problem = wheelProblem(name, machine);
  if (message === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(message);
});
