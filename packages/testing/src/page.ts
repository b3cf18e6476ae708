import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Page } from 'playwright-core';

/** A page with modules of ours, in a real browser. */
export interface PageOptions {
  /** Source files by the names under which they are served, bundled, as `/NAME.js`. The page loads `page`. */
  readonly modules: Readonly<Record<string, string>>;
  /** Serve it cross-origin isolated, so that it has SharedArrayBuffer. */
  readonly isolated: boolean;
  /** Give it WebGPU, on the browser's own GPU in software. */
  readonly webgpu?: boolean;
  /** The query of its address, such as `?tfjsflags=…`. */
  readonly query?: string;
}

/** Where tfjs's wasm files are served: the `wasmPath` of `openBackend`. */
export const WASM_PATH = '/wasm/';

/** The browser that is used: `CHROMIUM`, or Debian's. */
const executable: string = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Milliseconds that a page may take to load, where every core is taken. */
const LOADING = 120_000;

const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  // Timestamps to the nanosecond.
  '--enable-webgpu-developer-features',
];

/** Why no page can be opened here, or `undefined` when one can. */
export function pageUnavailable(): string | undefined {
  return existsSync(executable)
    ? undefined
    : `there is no ${executable}; install chromium, or say where it is with CHROMIUM`;
}

/**
 * Serve a page, open it in headless Chromium, and close both afterwards.
 * @throws what the page throws while it loads.
 */
export async function inPage<T>(options: PageOptions, use: (page: Page) => Promise<T>): Promise<T> {
  const server = await serve(await bundle(options.modules), options.isolated);
  const args = ['--no-sandbox', ...(options.webgpu === true ? SOFTWARE_GPU : [])];
  const browser = await chromium.launch({ executablePath: executable, args });
  try {
    const page = await browser.newPage();
    const errors: Error[] = [];
    page.on('pageerror', (error) => errors.push(error));
    const { port } = server.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/${options.query ?? ''}`, { timeout: LOADING });
    if (errors[0] !== undefined) throw errors[0];
    return await use(page);
  } finally {
    await browser.close();
    server.close();
  }
}

async function bundle(modules: PageOptions['modules']): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    ...{ entryPoints: modules, outdir: '/', write: false, bundle: true, logLevel: 'error' },
    ...{ format: 'esm', platform: 'browser', target: 'es2022', conditions: ['@maehem/source'] },
    // Dawn is Node's: code for both does not come to it in a page.
    external: ['webgpu'],
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

function serve(scripts: ReadonlyMap<string, Uint8Array>, isolated: boolean): Promise<Server> {
  const page = '<!doctype html><title>test</title><script type="module" src="/page.js"></script>';
  const server = createServer((request, response) => {
    const url = request.url?.replace(/\?.*/, '') ?? '/';
    const script = scripts.get(url);
    const wasm = wasmFile(url);
    const [type, body] =
      script !== undefined
        ? ['text/javascript', script]
        : wasm !== undefined
          ? ['application/wasm', readFileSync(wasm)]
          : ['text/html', page];
    response.writeHead(200, { 'Content-Type': type as string, ...(isolated ? ISOLATION : {}) }).end(body);
  });
  return new Promise((resolve) => server.listen(0, 'localhost', () => resolve(server)));
}

/** One of tfjs's own, which are dependencies of the backend package. */
function wasmFile(url: string): string | undefined {
  const name = /^\/wasm\/([\w-]+\.wasm)$/.exec(url)?.[1];
  if (name === undefined) return undefined;
  const require = createRequire(new URL('../../backend/package.json', import.meta.url));
  return join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), name);
}
