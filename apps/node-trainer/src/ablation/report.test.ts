import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { smallMaePreset } from '@maehem/mae';
import { parseStudy, variantId } from '@maehem/settings';
import { afterAll, describe, expect, it } from 'vitest';
import { PAPER_TABLES, paperTables } from './paper-tables.js';
import { compareWithPaper, writeReport } from './report.js';
import { distinctVariants } from './run-study.js';
import { summarise } from './summary.js';

const out = mkdtempSync(join(tmpdir(), 'maehem-report-'));
afterAll(() => rmSync(out, { recursive: true }));

const tables = paperTables(smallMaePreset('small'));
const study = parseStudy({ data: 'x', out, seeds: [0, 1], tables: [tables['sampling'], tables['ratio']] });
const results = {
  default: { 0: { linear: 0.41, 'knn 20': 0.3 }, 1: { linear: 0.43, 'knn 20': 0.32 } },
  'mask.strategy-block': { 0: { linear: 0.38 }, 1: { linear: 0.4 } },
  'mask.strategy-grid': { 0: { linear: 0.43 }, 1: { linear: 0.42 } },
  untrained: { 0: { linear: 0.3 } },
};

describe("the paper's tables", () => {
  it('are there by name, with the figures of the default', () => {
    expect(Object.keys(tables).sort()).toEqual([...PAPER_TABLES].sort());
    const defaults = Object.values([tables['sampling']!, tables['ratio']!, tables['augmentation']!]).flatMap(
      ({ variants }) => variants.filter((variant) => variantId(variant) === 'default'),
    );
    expect(new Set(defaults.map(({ paper }) => paper!.linear))).toEqual(new Set([73.5]));
  });

  it("fit decoder widths to a model's own, in steps that its heads allow", () => {
    const widths = tables['width']!.variants.map(
      ({ pretrain }) => (pretrain['model'] as { decoderDim: number })?.decoderDim,
    );
    expect(widths).toEqual([16, 32, undefined, 96, 128]);
  });

  it('share what they have in common', () => {
    expect(distinctVariants(study).map(variantId)).toEqual([
      ...['default', 'mask.strategy-block_mask.ratio-0.5', 'mask.strategy-block', 'mask.strategy-grid'],
      ...['mask.ratio-0.1', 'mask.ratio-0.2', 'mask.ratio-0.3', 'mask.ratio-0.4', 'mask.ratio-0.5'],
      ...['mask.ratio-0.6', 'mask.ratio-0.7', 'mask.ratio-0.8', 'mask.ratio-0.9'],
    ]);
  });
});

describe('a report', () => {
  it("says where the paper's direction holds, and where not", () => {
    const [sampling] = study.tables;
    const { rows, verdict } = compareWithPaper(sampling!, results, 'linear');
    expect(rows.map(({ count }) => count)).toEqual([2, 0, 2, 2]);
    expect(rows[0]!.mean).toBeCloseTo(42, 10);
    expect(rows[0]!.deviation).toBeCloseTo(Math.SQRT2, 10);
    expect(verdict).toBe(
      "differs: grid 75 % is best here, by 0.5 points over random 75 %, the paper's best; less than the spread of the seeds",
    );
    const better = { ...results, 'mask.strategy-grid': { 0: { linear: 0.2 } } };
    expect(compareWithPaper(sampling!, better, 'linear').verdict).toBe(
      'as in the paper, random 75 % is best',
    );
    expect(compareWithPaper(sampling!, results, 'knn 20').verdict).toBe('');
  });

  it('is written as HTML with plots, also before everything is done', async () => {
    const path = await writeReport(study, results);
    const page = readFileSync(path, 'utf8');
    expect(page).toContain('42.0 ± 1.4');
    expect(page).toContain('<td class="paper">63.9</td>');
    expect(page).toContain('Is it pretraining?');
    expect(readdirSync(out).sort()).toEqual([
      ...['knn-20.png', 'knn-20.svg', 'linear.png', 'linear.svg', 'report.html', 'results.json'],
    ]);
  });

  it('gives the deviation of a sample', () => {
    expect(summarise([1, 2, 3, 4])).toEqual({ count: 4, mean: 2.5, deviation: Math.sqrt(5 / 3) });
    expect(summarise([7])).toEqual({ count: 1, mean: 7, deviation: 0 });
    expect(summarise([]).count).toBe(0);
  });
});
