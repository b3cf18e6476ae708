import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { seed } from '@maehem/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIGS } from '../configs.js';
import { drawWorkload } from '../draw-workload.js';
import type { PeerReply, PeerRequest } from '../peer.js';
import { writeManifest } from '../write-workload.js';
import { bundleGpuBench } from './bundle.js';

describe.skipIf(process.platform !== 'linux')('the bundle for a machine with a GPU', () => {
  let home: string;
  let folder: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'maehem-gpu-bench-'));
    folder = join(home, 'bundle');
    expect(await bundleGpuBench({ folder, withNode: false })).toBeLessThan(20 * 2 ** 20);
  }, 300_000);
  afterAll(() => rmSync(home, { recursive: true }));

  // Node's folder is the one thing that the machine of this test may have elsewhere.
  const env = { PATH: dirname(process.execPath) };

  it('starts without anything installed', () => {
    const help = execFileSync(join(folder, 'run.sh'), ['--help'], { cwd: home, env, encoding: 'utf8' });
    expect(help).toContain('--work LIST');
  });

  it('trains on its own Dawn, here on the device that computes nothing', { timeout: 120_000 }, async () => {
    writeManifest(home, drawWorkload(seed(0), CONFIGS.nano, 2));
    const peer = spawn(process.execPath, [join(folder, 'dist/peer-main.js'), 'maehem', '1'], {
      ...{ cwd: home, env, stdio: ['pipe', 2, 2, 'pipe'] },
    });
    const replies = createInterface({ input: peer.stdio[3] as Readable })[Symbol.asyncIterator]();
    const ask = async (request: PeerRequest): Promise<PeerReply> => {
      peer.stdin!.write(`${JSON.stringify(request)}\n`);
      return JSON.parse((await replies.next()).value as string) as PeerReply;
    };
    try {
      const work = { command: 'init', folder: home, backend: 'webgpu', precision: 'float32' } as const;
      expect(await ask({ ...work, gpu: 'null' })).toEqual({ ready: true });
      const { gpu } = (await ask({ command: 'step' })) as Extract<PeerReply, { ms: number }>;
      expect(gpu!.dispatches).toBeGreaterThan(100);
    } finally {
      peer.kill();
    }
  });

  it('does not replace what is no bundle', async () => {
    writeFileSync(join(home, 'precious'), '');
    await expect(bundleGpuBench({ folder: home, withNode: false })).rejects.toThrow(
      'holds something else than an earlier bundle; choose another folder',
    );
  });
});
