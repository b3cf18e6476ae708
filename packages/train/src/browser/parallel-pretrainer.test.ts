import { fileURLToPath } from 'node:url';
import { inPage, pageUnavailable } from '@maehem/testing/page';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Training, train } from './training.page.js';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const modules = { page: file('training.page.ts'), thread: file('thread.page.ts') };
const refusal = pageUnavailable();

describe.skipIf(refusal !== undefined)(`training in a page${refusal ? ` (skipped: ${refusal})` : ''}`, () => {
  let inNode: Training;
  beforeAll(async () => {
    inNode = await train(1, {}, () => expect.fail('one thread starts no worker'));
  });

  function expectSame(actual: Training, expected: Training): void {
    for (const [step, loss] of expected.losses.entries())
      expect(Math.abs(actual.losses[step]! - loss)).toBeLessThan(1e-4);
    expect(actual.tensorsLeft).toBe(0);
  }

  it(
    'takes several threads when it is cross-origin isolated, and repeats to the bit',
    { timeout: 120_000 },
    () =>
      inPage({ modules, isolated: true }, async (page) => {
        const one = await page.evaluate<Training>('train(1)');
        expectSame(one, inNode);
        const two = await page.evaluate<Training>('train(2)');
        expectSame(two, inNode);
        expect(two).toMatchObject({ workers: 1, unavailable: undefined });
        expect(await page.evaluate<Training>('train(2)')).toEqual(two);
        const four = await page.evaluate<Training>('train(4)');
        expectSame(four, inNode);
        expect(four.workers).toBe(3);
        await expect(
          page.evaluate('train(2, "data:text/javascript,throw Error(`no room`)")'),
        ).rejects.toThrow(/training thread 2 failed: .*no room/);
        await expect(page.evaluate('train(2, "/absent.js")')).rejects.toThrow('training thread 2 failed');
      }),
  );

  it('takes one thread, silently, when it is not', { timeout: 120_000 }, () =>
    inPage({ modules, isolated: false }, async (page) => {
      const two = await page.evaluate<Training>('train(2)');
      expectSame(two, inNode);
      expect(two.workers).toBe(0);
      expect(two.unavailable).toContain('not cross-origin isolated');
      expect(await page.evaluate('typeof SharedArrayBuffer')).toBe('undefined');
    }),
  );
});
