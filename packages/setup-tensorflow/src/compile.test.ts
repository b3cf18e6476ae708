import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compileBinding, compilerVersion } from './compile.js';
import { BINDING, QUIET_OPENER } from './installation.js';
import { findProgram } from './run-program.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-compile-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const compiler = await findProgram(['g++', 'clang++', 'c++']);
const why =
  process.platform !== 'linux' || compiler === undefined
    ? 'compiles on Linux, with g++ or clang++'
    : undefined;

/** A test that compiles; where it cannot, it is skipped with the reason. */
const compiled = (name: string, body: () => Promise<void>): void =>
  it(name, async (context) => {
    context.skip(why !== undefined, why);
    await body();
  });

/** A library that says a word to stderr when it is loaded, and has one function. */
function library(path: string, name: string, answer: number): void {
  const source = join(root, `${name}.cc`);
  writeFileSync(
    source,
    `#include <cstdio>
     __attribute__((constructor)) static void greet() { fputs("${name} is here\\n", stderr); }
     extern "C" int ${name}() { return ${answer}; }`,
  );
  execFileSync(compiler as string, [
    '-shared',
    '-fPIC',
    `-Wl,-soname,${path.split('/').at(-1)}`,
    '-o',
    path,
    source,
  ]);
}

/** In place of tfjs-node: a binding whose only function asks TensorFlow's library. */
function package_(): string {
  const packageDir = mkdtempSync(join(root, 'package-'));
  for (const folder of ['binding', 'deps/lib', 'deps/cuda', 'include'])
    mkdirSync(join(packageDir, folder), { recursive: true });
  writeFileSync(join(packageDir, 'include', 'answer.h'), 'extern "C" int tensorflow();');
  writeFileSync(
    join(packageDir, 'binding', 'binding.cc'),
    `#include <node_api.h>
     #include "answer.h"
     static napi_value Answer(napi_env env, napi_callback_info) {
       napi_value answer;
       napi_create_int32(env, tensorflow(), &answer);
       return answer;
     }
     NAPI_MODULE_INIT() {
       napi_value answer;
       napi_create_function(env, "answer", NAPI_AUTO_LENGTH, Answer, nullptr, &answer);
       napi_set_named_property(env, exports, "answer", answer);
       return exports;
     }`,
  );
  library(join(packageDir, 'deps', 'lib', 'libtensorflow.so.2'), 'tensorflow', 42);
  library(join(packageDir, 'deps', 'cuda', 'libcublas.so.12'), 'cublas', 12);
  return packageDir;
}

/** What a Node without any LD_LIBRARY_PATH prints. */
function inNode(code: string): { readonly stdout: string; readonly stderr: string } {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { env: {}, encoding: 'utf8' });
  return { stdout: stdout.trim(), stderr: stderr.trim() };
}

describe('a compiled binding', () => {
  compiled('finds its libraries by itself, CUDA’s among them, also when the whole was moved', async () => {
    const built = package_();
    await compileBinding({
      compiler: compiler as string,
      packageDir: built,
      include: join(built, 'include'),
      libraries: ['libtensorflow.so.2'],
      cuda: ['libcublas.so.12'],
    });
    const packageDir = `${built}-moved`;
    renameSync(built, packageDir);
    const code = `console.log(require('${join(packageDir, BINDING)}').answer());
      console.log(require('fs').readFileSync('/proc/self/maps', 'utf8').includes('${packageDir}/deps/cuda/libcublas.so.12'))`;
    expect(inNode(code).stdout).toBe('42\ntrue');
  });

  compiled(
    'can have a library opened before, without a word of it, and says why one does not open',
    async () => {
      const packageDir = package_();
      await compileBinding({
        compiler: compiler as string,
        packageDir,
        include: join(packageDir, 'include'),
        libraries: ['libtensorflow.so.2'],
        cuda: [],
      });
      const opener = `const { openQuietly } = require('${join(packageDir, QUIET_OPENER)}');`;
      const tensorflow = join(packageDir, 'deps', 'lib', 'libtensorflow.so.2');
      const quiet = inNode(
        `${opener} openQuietly('${tensorflow}'); console.error('after'); require('${join(packageDir, BINDING)}').answer()`,
      );
      expect(quiet.stderr).toBe('after');
      const failed = inNode(
        `${opener} try { openQuietly('/no/such.so') } catch (e) { console.log(e.message) }`,
      );
      expect(failed.stdout).toContain('/no/such.so');
    },
  );

  compiled('is not there when the compiler fails, whose words are told', async () => {
    const packageDir = package_();
    writeFileSync(join(packageDir, 'include', 'answer.h'), '#error no such TensorFlow');
    const options = { packageDir, include: join(packageDir, 'include'), libraries: [], cuda: [] };
    await expect(compileBinding({ compiler: compiler as string, ...options })).rejects.toThrow(
      /failed \(exit 1\)[\s\S]*no such TensorFlow/,
    );
  });

  compiled('comes from a compiler that tells its version', async () => {
    expect(await compilerVersion(compiler as string)).toMatch(/\d+\.\d+/);
  });
});
