import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, filled } from '@maehem/viz';
import { packTar } from 'modern-tar';
import { expect, it } from 'vitest';
import { pauseRun, type Suite, trainTo } from './site.js';

/** Pictures of one's own. */
export function pictureTests({ withPage, folder }: Suite): void {
  it(
    'takes a folder of 2,000 pictures, says what it left out, and trains on them',
    { timeout: 300_000 },
    () =>
      withPage({}, async ({ page, faults }) => {
        const pictures = join(folder, 'pictures');
        for (const colour of ['red', 'blue']) {
          mkdirSync(join(pictures, colour), { recursive: true });
          for (let at = 0; at < 1000; at++)
            writeFileSync(
              join(pictures, colour, `${at}.png`),
              encodePng(filled(12, 12, colour === 'red' ? [200, at % 256, 0] : [0, at % 256, 200])),
            );
        }
        writeFileSync(join(pictures, 'red', 'broken.png'), Buffer.from('\x89PNG and then nothing'));
        writeFileSync(join(pictures, 'notes.txt'), 'not a picture');
        await page.locator('#tab-data').click();
        await page.locator('#pick-folder').setInputFiles(pictures);
        await page.locator('#brought', { hasText: '2,000 pictures kept' }).waitFor();
        await page.locator('#brought', { hasText: '2 classes; 2 left out' }).waitFor();
        await page.getByText('What was left out, and why').click();
        const left = await page.locator('details li').allInnerTexts();
        expect(left.join('\n')).toMatch(
          /red\/broken\.png: not a picture that this browser can read, or broken/,
        );
        expect(left.join('\n')).toMatch(/notes\.txt: not a picture/);
        await page.getByRole('button', { name: 'Open a run on these' }).click();
        await page.locator('.mosaic').waitFor();
        await trainTo(page, 3);
        await pauseRun(page);
        expect(faults).toEqual([]);
      }),
  );

  it('reads archives and MNIST files, and refuses broken ones by name', { timeout: 300_000 }, () =>
    withPage({}, async ({ page }) => {
      const broken = join(folder, 'broken.zip');
      writeFileSync(broken, 'PK but no zip');
      const tar = join(folder, 'few.tar');
      const png = encodePng(filled(8, 8, [1, 2, 3]));
      writeFileSync(
        tar,
        await packTar(
          Array.from({ length: 3 }, (_, at) => ({
            header: { name: `a/${at}.png`, size: png.length },
            body: png,
          })),
        ),
      );
      const idx = join(folder, 'tiny-images-idx3-ubyte');
      writeFileSync(idx, Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4, ...Array(32).fill(9)]));
      const labels = join(folder, 'tiny-labels-idx1-ubyte');
      writeFileSync(labels, Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 3, 5]));
      await page.locator('#tab-data').click();
      await page.locator('#pick-files').setInputFiles([broken, tar, idx, labels]);
      await page.locator('#brought', { hasText: '5 pictures kept' }).waitFor();
      await page.getByText('What was left out, and why').click();
      expect(await page.locator('details li').allInnerTexts()).toEqual([
        expect.stringMatching(/^broken\.zip: broken archive/),
      ]);
    }),
  );

  it('takes pictures with the camera', { timeout: 300_000 }, () =>
    withPage({ camera: true }, async ({ page, faults }) => {
      await page.locator('#tab-data').click();
      await page.getByRole('button', { name: 'Use the camera' }).click();
      await page.getByRole('button', { name: 'Take 120 pictures' }).click();
      await page.getByRole('button', { name: /^[4-9] of 120$/ }).waitFor();
      await page.getByRole('button', { name: 'Stop, keep these' }).click();
      await page.locator('#brought', { hasText: /^\s*([4-9]|1\d) pictures kept/ }).waitFor();
      await page.getByRole('button', { name: 'Use the camera' }).waitFor();
      expect(faults).toEqual([]);
    }),
  );
}
