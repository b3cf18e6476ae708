import type { Plugin } from 'vite';

/** Files of the site by their path, each made when it is asked for. */
export type SiteFiles = Readonly<Record<string, () => Uint8Array>>;

/** Serves files that are no part of the bundle: emitted as they are by a build, made on demand in development. */
export function siteFiles(files: SiteFiles): Plugin {
  return {
    name: 'maehem-site-files',
    generateBundle() {
      if (this.environment.name !== 'client') return;
      for (const [fileName, make] of Object.entries(files))
        this.emitFile({ type: 'asset', fileName, source: make() });
    },
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const make = files[(request.url ?? '').slice(1)];
        if (make === undefined) return next();
        response.setHeader(
          'Content-Type',
          request.url!.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream',
        );
        response.end(make());
      });
    },
  };
}
