import { describe, expect, it } from 'vitest';
import { lossCurve } from './index.js';
import { svgToPng } from './node/index.js';

const falling = (count: number) => Array.from({ length: count }, (_, i) => [i, 2 * 0.99 ** i + 0.5] as const);
const paths = (svg: string) => [...svg.matchAll(/<path d="([^"]*)"/g)].map((match) => match[1]!);
const ticksOf = (svg: string) => [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map((match) => match[1]);

describe('lossCurve', () => {
  it('draws a short run as one line, a long one raw and smoothed', () => {
    expect(paths(lossCurve([{ name: 'loss', points: falling(10) }]))).toHaveLength(1);
    expect(paths(lossCurve([{ name: 'loss', points: falling(100) }]))).toHaveLength(2);
  });

  it('puts points where the axes say', () => {
    const points = [
      [0, 2],
      [10, 1],
    ] as const;
    const svg = lossCurve([{ name: 'loss', points }], { width: 194, height: 202 });
    // The plot spans x 70 to 170 and y 48 (loss 2) to 148 (loss 1).
    expect(paths(svg)).toEqual(['M70,48L170,148']);
    expect(ticksOf(svg)).toEqual(['1.0', '1.2', '1.4', '1.6', '1.8', '2.0']);
  });

  it('names its axes, and escapes what it is given', () => {
    const svg = lossCurve([{ name: 'a', points: falling(2) }], {
      title: 'a < b & c',
      xLabel: 'epoch',
      yLabel: 'nats',
    });
    for (const text of ['a &lt; b &amp; c', '>epoch<', '>nats<']) expect(svg).toContain(text);
  });

  it('marks decades on a logarithmic axis, and even steps where it spans little', () => {
    const log = (low: number, high: number) =>
      ticksOf(
        lossCurve(
          [
            {
              name: 'a',
              points: [
                [0, high],
                [1, low],
              ],
            },
          ],
          { log: true },
        ),
      );
    expect(log(0.01, 1)).toEqual(['0.01', '0.02', '0.05', '0.1', '0.2', '0.5', '1']);
    expect(log(0.4, 0.8)).toEqual(['0.4', '0.45', '0.5', '0.55', '0.6', '0.65', '0.7', '0.75', '0.8']);
  });

  it('smooths inside the line and up to its ends', () => {
    const zigzag = Array.from({ length: 100 }, (_, i) => [i, 1 + (i % 2)] as const);
    const [, smooth] = paths(
      lossCurve([{ name: 'a', points: zigzag }], { smoothing: 10, width: 194, height: 202 }),
    );
    const heights = [...smooth!.matchAll(/,([\d.]+)/g)].map((match) => Number(match[1]));
    expect(Math.min(...heights)).toBeGreaterThan(93);
    expect(Math.max(...heights)).toBeLessThan(103);
  });

  it('keeps a run of 100,000 steps small, its spikes included', () => {
    const points = falling(100_000).map(([x, y]) => [x, x === 54_321 ? 9 : y] as const);
    const svg = lossCurve([{ name: 'a', points }], { height: 202 });
    expect(svg.length).toBeLessThan(60_000);
    expect(paths(svg)[0]).toContain(',48');
  });

  it('leaves out what cannot be drawn', () => {
    const points = [...falling(5), [5, Number.NaN], [6, Number.POSITIVE_INFINITY]] as const;
    expect(lossCurve([{ name: 'a', points }])).not.toMatch(/NaN|Infinity/);
    expect(() => lossCurve([{ name: 'a', points: [[0, Number.NaN]] }])).toThrow('at least one finite point');
    expect(() => lossCurve([{ name: 'a', points: [[0, -1]] }], { log: true })).toThrow(
      'at least one finite point',
    );
    expect(lossCurve([{ name: 'a', points: [[0, 1]] }])).not.toContain('NaN');
  });

  it('becomes a PNG in Node', async () => {
    const png = await svgToPng(
      lossCurve([{ name: 'a', points: falling(50) }], { width: 300, height: 200 }),
      2,
    );
    expect([...png.subarray(1, 4)]).toEqual([...'PNG'].map((letter) => letter.charCodeAt(0)));
    const view = new DataView(png.buffer, png.byteOffset);
    expect([view.getUint32(16), view.getUint32(20)]).toEqual([600, 400]);
  });
});
