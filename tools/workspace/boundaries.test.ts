import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkManifest, checkSource, checkWorkspace, findProjects, mayImport } from './boundaries.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const projects = findProjects(root);

function check(folder: string, source: string, name = 'example.ts'): string[] {
  const project = projects.find((candidate) => candidate.folder === `packages/${folder}`);
  if (!project) throw new Error(`no packages/${folder}`);
  return checkSource({
    file: `packages/${folder}/src/${name}`,
    source,
    project,
    projects,
    rootTools: ['vitest'],
  });
}

describe('module boundaries', () => {
  it('hold in the whole workspace', () => {
    expect(checkWorkspace(root)).toEqual([]);
  });

  it('let every layer import only layers that come before it', () => {
    const reaches = (from: string, to: string): boolean =>
      (mayImport[from] ?? []).some((layer) => layer === to || reaches(layer, to));
    for (const layer of Object.keys(mayImport)) expect(reaches(layer, layer), layer).toBe(false);
  });

  it.each([
    [
      'patches',
      "import { mae } from '@maehem/mae';",
      /patches \(patches\) must not import "@maehem\/mae" \(mae\)/,
    ],
    [
      'weights',
      "import type { Mae } from '@maehem/mae';",
      /weights must not import|weights \(weights\) must not/,
    ],
    ['vit', "export * from '@maehem/losses';", /must not import "@maehem\/losses"/],
    ['viz', "type Key = import('@maehem/random').Key;", /viz may import nothing of the workspace/],
    ['data', "await import('@maehem/backend');", /must not import "@maehem\/backend"/],
    ['kernels', "import { checkOp } from '@maehem/testing';", /must not import "@maehem\/testing"/],
    ['train', "import '@tensorflow/tfjs-backend-wasm';", /only @maehem\/backend imports tfjs backends/],
    ['train', "import '@tensorflow/tfjs-node-gpu';", /only @maehem\/backend imports tfjs backends/],
    ['kernels', "import * as tf from '@tensorflow/tfjs';", /for tests only/],
    ['tree', "import * as tf from '@tensorflow/tfjs-core';", /works without tfjs/],
    ['kernels', "import { grad } from '@tensorflow/tfjs-core/dist/gradients';", /reaches into a package/],
    ['kernels', "import { seed } from '../../random/src/key.js';", /leaves the package/],
    ['kernels', "import zod from 'zod';", /"zod" is not declared in packages\/kernels\/package.json/],
    ['kernels', "const zod = require('zod');", /"zod" is not declared/],
    ['kernels', "import { readFileSync } from 'fs';", /write "node:fs"/],
    ['backend', "import { x } from '#nowhere';", /"#nowhere" is not among the imports of packages\/backend/],
    ['kernels', "import { x } from '@maehem/unheard-of';", /there is no package/],
    ['random', 'export const x = Math.random();', /Math\.random/],
    ['random', "export const x = Math['random'];", /Math\.random/],
  ])('catch in %s: %s', (folder, source, message) => {
    expect(check(folder, source)).toEqual([expect.stringMatching(message)]);
  });

  it('name the file and the line', () => {
    expect(check('tree', "\n\nimport zod from 'zod';")[0]).toMatch(/^packages\/tree\/src\/example\.ts:3: /);
  });

  it('let tests use the testing package, the whole of tfjs and the root tools, but no higher layer', () => {
    const test = (source: string) => check('kernels', source, 'example.test.ts');
    expect(test("import { checkOp } from '@maehem/testing';\nimport { it } from 'vitest';")).toEqual([]);
    expect(test("import { mae } from '@maehem/mae';")).toHaveLength(1);
  });

  it('leave words in comments and strings alone', () => {
    expect(check('tree', "// import zod from 'zod'; Math.random()\nexport const x = 'Math.random';")).toEqual(
      [],
    );
  });

  it('catch a forbidden dependency that nothing imports yet', () => {
    const tree = projects.find((project) => project.name === '@maehem/tree');
    if (!tree) throw new Error('no @maehem/tree');
    const project = {
      ...tree,
      manifest: { ...tree.manifest, dependencies: { '@maehem/mae': 'workspace:^' } },
    };
    expect(checkManifest(project, projects)).toEqual([
      expect.stringMatching(/must not import "@maehem\/mae"/),
    ]);
  });
});
