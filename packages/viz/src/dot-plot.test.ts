import { describe, expect, it } from 'vitest';
import { dotPlot } from './dot-plot.js';

const groups = [
  {
    name: 'Sampling <table 1f>',
    rows: [
      { name: 'random', values: [40, 42, 41], reference: 73.5 },
      { name: 'block', values: [38, 39, Number.NaN], reference: 63.9 },
    ],
  },
];

describe('a dot plot', () => {
  it('has a dot for each repetition, a mark for the mean, and the reference on an axis of its own', () => {
    const svg = dotPlot(groups, { title: 'A & B', label: 'ours, %', referenceLabel: "the paper's, %" });
    expect(svg.match(/<circle/g)!.length).toBe(5);
    expect(svg.match(/<path/g)!.length).toBe(2);
    expect(svg).toContain('Sampling &lt;table 1f&gt;');
    expect(svg).toContain('<title>A &amp; B</title>');
    const width = Number(/width="(\d+)"/.exec(svg)![1]);
    const alone = dotPlot([{ name: 'x', rows: [{ name: 'y', values: [1] }] }], { title: 't', label: 'l' });
    expect(Number(/width="(\d+)"/.exec(alone)![1])).toBeLessThan(width);
    expect(alone.match(/<path/g)).toBeNull();
  });

  it('puts larger values further right, and the mean between them', () => {
    const svg = dotPlot(groups, { title: 't', label: 'l' });
    const xs = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(xs[1]).toBeGreaterThan(xs[2]!);
    expect(xs[2]).toBeGreaterThan(xs[0]!);
    expect(xs[0]).toBeGreaterThan(xs[4]!);
    const mean = Number(
      /<line x1="([\d.]+)" x2="[\d.]+" y1="\d+" y2="\d+" stroke="#0072b2" stroke-width="3"/.exec(svg)![1],
    );
    expect(mean).toBeCloseTo(xs[2]!, 0);
  });

  it('needs something to show', () => {
    expect(() => dotPlot([], { title: 't', label: 'l' })).toThrow('at least one finite value');
  });
});
