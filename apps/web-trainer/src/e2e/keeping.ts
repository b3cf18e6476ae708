import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, filled } from '@maehem/viz';
import { expect, it } from 'vitest';
import { pauseRun, readout, type Suite, trainTo } from './site.js';

/** What the browser keeps, and what happens when it has no room. */
export function keepingTests({ withPage, site, folder }: Suite): void {
  it('says what to do when there is no room, and the run goes on', { timeout: 300_000 }, () =>
    withPage({}, async ({ page, context }) => {
      const session = await context.newCDPSession(page);
      const { origin } = new URL(site().url);
      await trainTo(page, 1);
      await pauseRun(page);
      await page.locator('.kept').waitFor();
      const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 1000 });
      await trainTo(page, 3);
      const step = await pauseRun(page);
      const full = page.getByRole('alert').filter({ hasText: 'The run goes on, but it could not be kept' });
      await full.filter({ hasText: /no room for .*: this browser lets the site keep/ }).waitFor();

      await page.locator('#tab-data').click();
      const picture = join(folder, 'large.png');
      writeFileSync(picture, encodePng(filled(96, 96, [1, 2, 3])));
      await page.locator('#pick-files').setInputFiles(picture);
      await page
        .getByRole('alert')
        .filter({ hasText: 'The pictures could not be kept: no room for' })
        .waitFor();

      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await trainTo(page, step + 1);
      await pauseRun(page);
      await page.reload();
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      expect(await readout(page, 'step')).toBeGreaterThan(step);
    }),
  );
}
