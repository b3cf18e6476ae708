import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import type { SiteServer } from '../serve/serve-site.js';
import { browserMissing } from './browser.js';
import { engineTests } from './engines.js';
import { keepingTests } from './keeping.js';
import { loadingTests } from './loading.js';
import { lookingTests } from './looking.js';
import { pictureTests } from './pictures.js';
import { settingsTests } from './settings.js';
import { builtSite, type Suite, visit } from './site.js';
import { trainingTests } from './training.js';
import { weightTests } from './weights.js';

/** Where CI promises a software GPU it promises Chromium, which brings it: then its absence fails. */
const promised = (process.env['MAEHEM_PROMISED_BACKENDS'] ?? '').includes('webgpu');
const missing = promised ? undefined : browserMissing();

describe.skipIf(missing !== undefined)(
  `the page${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let site: SiteServer;
    const folder = mkdtempSync(join(tmpdir(), 'maehem-e2e-'));
    beforeAll(async () => {
      site = await builtSite();
    }, 180_000);
    afterAll(async () => {
      await site?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const suite: Suite = {
      site: () => site,
      folder,
      withPage: async (options, use) => {
        const opened = await visit(site.url, options);
        try {
          await use(opened);
        } finally {
          await opened.close();
        }
      },
    };
    trainingTests(suite);
    weightTests(suite);
    pictureTests(suite);
    keepingTests(suite);
    engineTests(suite);
    lookingTests(suite);
    settingsTests(suite);
    loadingTests(suite);
  },
);
