import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AblationTable, type Study, type Variant, variantId } from '@maehem/settings';
import { dotPlot } from '@maehem/viz';
import { svgToPng } from '@maehem/viz/node';
import type { StudyResults } from './run-study.js';
import { type Summary, summarise } from './summary.js';

/** Which of the paper's columns a measurement stands beside. */
const PAPER_COLUMN: Readonly<Record<string, 'linear' | 'finetune'>> = {
  linear: 'linear',
  lars: 'linear',
  'fine-tuning': 'finetune',
};

/**
 * Write what is known so far of a study: `results.json`, `report.html` with tables beside the paper's, and a plot of
 * each measurement as SVG and PNG.
 * @returns the report's path
 */
export async function writeReport(study: Study, results: StudyResults): Promise<string> {
  await mkdir(study.out, { recursive: true });
  await writeFile(join(study.out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  const plots: string[] = [];
  for (const measurement of measurements(study, results)) {
    const svg = plotOf(study, results, measurement);
    const name = `${measurement.replaceAll(/[^\w.-]+/g, '-')}`;
    await writeFile(join(study.out, `${name}.svg`), svg);
    await writeFile(join(study.out, `${name}.png`), await svgToPng(svg));
    plots.push(svg);
  }
  const path = join(study.out, 'report.html');
  await writeFile(path, html(study, results, plots));
  return path;
}

/** Seeds of which there is anything. */
function seedsDone(results: StudyResults): string[] {
  return [...new Set(Object.values(results).flatMap(Object.keys))].sort((a, b) => Number(a) - Number(b));
}

/** What the variants were measured by, in the order of the first. */
function measurements(study: Study, results: StudyResults): string[] {
  const names = study.tables
    .flatMap(({ variants }) => variants)
    .flatMap((variant) => Object.values(results[variantId(variant)] ?? {}))
    .flatMap((figures) => Object.keys(figures));
  return [...new Set(names)].filter((name) => !name.startsWith('partial'));
}

function plotOf(study: Study, results: StudyResults, measurement: string): string {
  const column = PAPER_COLUMN[measurement];
  const groups = study.tables.map(({ name, variants }) => ({
    name,
    rows: variants.map((variant) => {
      const reference = column && variant.paper?.[column];
      const values = percents(results, variantId(variant), measurement);
      return { name: variant.name, values, ...(reference !== undefined && { reference }) };
    }),
  }));
  return dotPlot(groups, {
    title: `${study.title}: ${measurement}`,
    label: `accuracy here, % (seeds ${seedsDone(results).join(', ')}; bar: mean)`,
    referenceLabel: 'the paper: ViT-L/16, ImageNet, %',
  });
}

function percents(results: StudyResults, name: string, measurement: string): number[] {
  return Object.values(results[name] ?? {}).flatMap((figures) => {
    const value = figures[measurement];
    return value === undefined ? [] : [100 * value];
  });
}

/** A table's variants by one measurement, beside the paper's figures, and whether the order is the same. */
export function compareWithPaper(
  { variants }: AblationTable,
  results: StudyResults,
  measurement: string,
): { readonly rows: readonly (Summary & { variant: Variant; paper?: number })[]; readonly verdict: string } {
  const column = PAPER_COLUMN[measurement];
  const rows = variants.map((variant) => {
    const paper = column && variant.paper?.[column];
    return {
      ...summarise(percents(results, variantId(variant), measurement)),
      variant,
      ...(paper !== undefined && { paper }),
    };
  });
  const known = rows.filter(({ count, paper }) => count > 0 && paper !== undefined);
  if (known.length < 2) return { rows, verdict: '' };
  const ours = known.reduce((a, b) => (b.mean > a.mean ? b : a));
  const theirs = known.reduce((a, b) => (b.paper! > a.paper! ? b : a));
  const best = known.find(({ variant }) => variant === theirs.variant)!;
  if (best.mean === ours.mean || ours.variant === theirs.variant)
    return { rows, verdict: `as in the paper, ${theirs.variant.name} is best` };
  const gap = ours.mean - best.mean;
  const spread = Math.max(ours.deviation, best.deviation);
  return {
    rows,
    verdict: `differs: ${ours.variant.name} is best here, by ${gap.toFixed(1)} points over ${theirs.variant.name}, the paper's best${gap <= spread ? '; less than the spread of the seeds' : ''}`,
  };
}

function html(study: Study, results: StudyResults, plots: readonly string[]): string {
  const names = measurements(study, results);
  const tables = study.tables.map((table) => {
    const byName = names.map((name) => [name, compareWithPaper(table, results, name)] as const);
    const head = names
      .map((name) => `<th>${name}</th>${PAPER_COLUMN[name] ? '<th>paper</th>' : ''}`)
      .join('');
    const rows = table.variants.map((variant, index) => {
      const cells = byName.map(([name, { rows }]) => {
        const { paper } = rows[index]!;
        return `<td>${show(rows[index]!)}</td>${PAPER_COLUMN[name] ? `<td class="paper">${paper === undefined || Number.isNaN(paper) ? '' : paper.toFixed(1)}</td>` : ''}`;
      });
      return `<tr><th scope="row">${escaped(variant.name)}</th>${cells.join('')}</tr>`;
    });
    const verdicts = byName
      .filter(([, { verdict }]) => verdict !== '')
      .map(([name, { verdict }]) => `<li>${name}: ${escaped(verdict)}</li>`);
    return `<h2>${escaped(table.name)}</h2><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table><ul>${verdicts.join('')}</ul>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escaped(study.title)}</title>
<style>
body { font: 16px/1.5 Helvetica, Arial, sans-serif; color: #333; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { padding: .2rem .9rem; text-align: right; border-bottom: 1px solid #e4e4e4 }
th[scope=row] { text-align: left; font-weight: normal } .paper { color: #d55e00 } svg { max-width: 100%; height: auto }
</style>
<h1>${escaped(study.title)}</h1>
<p>Accuracy on held-out images in per cent: mean ± deviation over seeds ${seedsDone(results).join(', ')} (so far as they are done). In colour: the paper
(He et al. 2021), ViT-L/16 on ImageNet-1K. Compare directions, not values.</p>
${baselines(study, results)}
${tables.join('\n')}
${plots.join('\n')}
</html>
`;
}

/** The pretrained encoder against one that has learned nothing, and against training from scratch. */
function baselines(study: Study, results: StudyResults): string {
  const names = [
    'default',
    ...(study.untrained ? ['untrained'] : []),
    ...study.scratch.map(({ name }) => name),
  ];
  const columns = [
    ...new Set(names.flatMap((name) => Object.values(results[name] ?? {})).flatMap(Object.keys)),
  ];
  const rows = names.map((name) => {
    const label = name === 'default' ? 'pretrained' : name;
    const cells = columns.map((column) => `<td>${show(summarise(percents(results, name, column)))}</td>`);
    return `<tr><th scope="row">${escaped(label)}</th>${cells.join('')}</tr>`;
  });
  const head = columns.map((column) => `<th>${escaped(column)}</th>`).join('');
  return `<h2>Is it pretraining?</h2><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function show({ count, mean, deviation }: Summary): string {
  if (count === 0) return '';
  return count === 1 ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
