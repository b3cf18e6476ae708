import { describe, expect, it } from 'vitest';
import { contest } from './contest.js';

/** Times by name, each sample longer by a factor of its own. */
function clock(times: Readonly<Record<string, number>>, noise: (sample: number) => number = () => 1) {
  const samples: string[] = [];
  return {
    samples,
    measure: async (choice: string) => {
      samples.push(choice);
      return times[choice]! * noise(samples.length);
    },
  };
}

const never = (): boolean => false;

describe('contest', () => {
  it('finds who is clearly faster, the fastest first', async () => {
    const { measure } = clock({ usual: 10, a: 9, b: 8, c: 9.9, d: 30 });
    const winners = await contest('usual', ['a', 'b', 'c', 'd'], measure, never);
    expect(winners).toEqual([
      { choice: 'b', usualMs: 10, ms: 8 },
      { choice: 'a', usualMs: 10, ms: 9 },
    ]);
  });

  it('leaves the usual choice where another is faster by noise alone', async () => {
    for (const often of [5, 7]) {
      // One sample in a few takes twice as long, whoever's turn it is.
      const { measure } = clock({ usual: 10, a: 9.8, b: 10.1 }, (sample) => (sample % often === 1 ? 2 : 1));
      expect(await contest('usual', ['a', 'b'], measure, never)).toEqual([]);
    }
  });

  it('is not misled when the machine is slow for a while', async () => {
    const { measure } = clock({ usual: 10, a: 9 }, (sample) => (sample > 7 ? sample / 4 : 1));
    expect((await contest('usual', ['a'], measure, never))?.map(({ choice }) => choice)).toEqual(['a']);
  });

  it('drops what is hopeless after one sample, and halves the rest', async () => {
    const others = Array.from({ length: 16 }, (_, i) => `${i}`);
    const times = Object.fromEntries(others.map((name, i) => [name, 10 + i]));
    const { measure, samples } = clock({ usual: 20, ...times });
    const winners = await contest('usual', others, measure, never);
    expect(winners?.map(({ choice }) => choice)).toEqual(['0', '1', '2']);
    const count = (name: string) => samples.filter((sample) => sample === name).length;
    expect(['0', '3', '4', '6', '15'].map(count)).toEqual([11, 2, 2, 1, 1]);
  });

  it('has no answer when it is stopped, and takes no sample after', async () => {
    const { measure, samples } = clock({ usual: 10, a: 1 });
    expect(await contest('usual', ['a'], measure, () => samples.length === 5)).toBeUndefined();
    expect(samples.length).toBe(5);
  });
});
