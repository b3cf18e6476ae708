import { defaultClientConditions, defineConfig, type UserConfig } from 'vite';
import { SITE_HEADERS } from './src/serve/headers.js';
import { engineFiles } from './vite/engine-files.js';
import { mnistFiles } from './vite/mnist-files.js';
import { serviceWorker } from './vite/service-worker.js';
import { siteFiles } from './vite/site-files.js';

// Development needs inline styles and a socket for hot updates; everything else is as served.
const { 'Content-Security-Policy': _policy, ...developmentHeaders } = SITE_HEADERS;

const config: UserConfig = defineConfig({
  // Relative addresses: the site works below any path.
  base: './',
  resolve: { conditions: ['@maehem/source', ...defaultClientConditions] },
  plugins: [siteFiles({ ...mnistFiles(), ...engineFiles() }), serviceWorker()],
  worker: { format: 'es' },
  // Nothing inlined: the policy allows no data: but pictures.
  build: {
    outDir: 'dist/site',
    assetsInlineLimit: 0,
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 2000,
  },
  server: { headers: developmentHeaders },
  preview: { headers: SITE_HEADERS },
});
export default config;
