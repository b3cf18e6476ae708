import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { findProjects } from '../workspace/boundaries.mjs';
import { root } from '../workspace/pnpm.mjs';
import { readmeExamples } from './readme-examples.mjs';

const work = mkdtempSync(join(tmpdir(), 'maehem-readme-'));
afterAll(() => rmSync(work, { recursive: true }));

const published = findProjects(root).filter(({ manifest }) => manifest.private !== true);

describe.each([...published, { name: 'MAEhem', folder: '.' }])('README of $name', ({ folder }) => {
  const examples = readmeExamples(join(root, folder));

  it('has an example', () => expect(examples.length).toBeGreaterThan(0));

  it.each(examples.map((source, index) => ({ source, index })))(
    'prints what it says ($index)',
    async (each) => {
      const program = join(work, `${folder.replaceAll(/[^a-z]/g, '-')}-${each.index}.mjs`);
      await bundle(each.source, program);
      const { stdout } = await promisify(execFile)(process.execPath, [program]);
      for (const line of expectedLines(each.source)) expect(stdout.split('\n')).toContain(line);
    },
  );
});

/** What follows `//` behind a console.log, or on a line of its own at the margin. */
function expectedLines(source: string): string[] {
  return [...source.matchAll(/^(?:.*console\.log\(.*\); )?\/\/ (.*)$/gm)].map(([, line]) => line!);
}

/** The example with the workspace's sources in it; third-party packages stay outside, as they are installed. */
async function bundle(source: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', conditions: ['@maehem/source'] },
    ...{ outfile, plugins: [workspaceSources], logLevel: 'silent' },
  });
}

const workspaceSources: Plugin = {
  name: 'workspace-sources',
  setup({ onResolve, resolve }) {
    const inner = { inner: true };
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...where }) => {
      if (pluginData === inner || path.startsWith('node:')) return undefined;
      const owner = published.find(({ name }) => path === name || path.startsWith(`${name}/`));
      const resolveDir = owner ? join(root, owner.folder) : where.resolveDir;
      const found = await resolve(path, { ...where, resolveDir, pluginData: inner });
      const isInstalled = found.path.includes('node_modules');
      return isInstalled ? { path: pathToFileURL(found.path).href, external: true } : found;
    });
  },
};
