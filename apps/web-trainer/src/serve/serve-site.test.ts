import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { serveSite } from './serve-site.js';

const folder = mkdtempSync(join(tmpdir(), 'maehem-site-'));
mkdirSync(join(folder, 'assets'));
writeFileSync(join(folder, 'index.html'), '<title>MAEhem</title>');
writeFileSync(join(folder, 'assets', 'code-abc123.js'), 'export {};');
afterAll(() => rmSync(folder, { recursive: true }));

describe('serveSite', () => {
  it('serves files on a free port of localhost, isolated and under a strict policy', async () => {
    const server = await serveSite({ folder });
    const page = await fetch(server.url);
    expect(server.url).toMatch(/^http:\/\/localhost:\d+\/$/);
    expect(await page.text()).toContain('MAEhem');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe-inline');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const code = await fetch(`${server.url}assets/code-abc123.js`);
    expect(code.headers.get('cache-control')).toContain('immutable');
    expect((await fetch(`${server.url}absent`)).status).toBe(404);
    expect((await fetch(`${server.url}..%2f..%2fetc%2fpasswd`)).status).toBe(404);
    await server.close();
  });

  it('says what to do about a taken port and a missing build', async () => {
    const first = await serveSite({ folder });
    const port = Number(new URL(first.url).port);
    await expect(serveSite({ folder, port })).rejects.toThrow(`port ${port} of localhost is taken`);
    await first.close();
    await expect(serveSite({ folder: join(folder, 'assets') })).rejects.toThrow(
      /no built site in .*pnpm --filter/,
    );
  });
});
