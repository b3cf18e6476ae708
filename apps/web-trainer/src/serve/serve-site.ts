import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import { SITE_HEADERS } from './headers.js';

/** Where to listen. */
export interface ServeOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default `localhost`: this machine alone. WebGPU and OPFS need https anywhere else. */
  readonly host?: string;
  /** Folder of the built site; the one of this package otherwise. */
  readonly folder?: string;
}

/** A server that is up. */
export interface SiteServer {
  readonly url: string;
  close(): Promise<void>;
}

/** `dist/site` of this package, from its sources and from `dist/serve` alike. */
const SITE: string = fileURLToPath(new URL('../../dist/site', import.meta.url));

/**
 * Serve the built page: static files, with the headers that it needs.
 * @throws when there is no built site, or nothing can listen there; says what to do.
 */
export async function serveSite(options: ServeOptions = {}): Promise<SiteServer> {
  const { port = 0, host = 'localhost', folder = SITE } = options;
  if (!existsSync(join(folder, 'index.html')))
    throw new Error(`no built site in ${folder}; build it: pnpm --filter web-trainer build`);
  const files = sirv(folder, {
    etag: true,
    setHeaders: (response, path) => {
      for (const [name, value] of Object.entries(SITE_HEADERS)) response.setHeader(name, value);
      // Names in assets/ carry a hash of their content; everything else is asked for anew.
      response.setHeader(
        'Cache-Control',
        path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  const server = createServer((request, response) =>
    files(request, response, () => {
      response.writeHead(404).end('not found');
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, host, port)));
    server.listen(port, host, resolve);
  });
  const { port: found } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${found}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE')
    return new Error(`port ${port} of ${host} is taken; choose another, or 0 for any free one`);
  return new Error(`cannot listen on ${host}, port ${port}: ${error.message}`);
}
