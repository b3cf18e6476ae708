import { extent } from 'd3-array';
import { type ScaleLinear, scaleLinear } from 'd3-scale';

/** One thing that was tried. */
export interface DotPlotRow {
  readonly name: string;
  /** What each repetition gave. */
  readonly values: readonly number[];
  /** What somebody else found, for a panel of its own. */
  readonly reference?: number;
}

/** A group of rows under one heading. */
export interface DotPlotGroup {
  readonly name: string;
  readonly rows: readonly DotPlotRow[];
}

/** What the panels are called. */
export interface DotPlotOptions {
  readonly title: string;
  /** What the values are, with units. */
  readonly label: string;
  /** What the references are; the second panel is left out where no row has one. */
  readonly referenceLabel?: string;
}

const FONT = `font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif"`;
const INK = '#333';
const OURS = '#0072b2';
const THEIRS = '#d55e00';
const ROW = 24;
const TOP = 84;
const NAMES = 210;
const PANEL = 330;
const GAP = 40;

/**
 * Repetitions of several things as dots with their mean, row by row, on one axis; beside them, on an axis of its own,
 * what a reference found for the same rows. A stand-alone SVG; no DOM is needed.
 * @throws when no row has a finite value.
 */
export function dotPlot(groups: readonly DotPlotGroup[], options: DotPlotOptions): string {
  const rows = groups.flatMap((group) => group.rows);
  const values = rows.flatMap((row) => row.values).filter(Number.isFinite);
  if (values.length === 0) throw new Error('a dot plot needs at least one finite value');
  const references = rows.flatMap(({ reference }) => reference ?? []).filter(Number.isFinite);
  const lines = groups.reduce((sum, group) => sum + group.rows.length + 1, 0);
  const bottom = TOP + lines * ROW;
  const ours = axis(values, NAMES);
  const theirs = references.length > 0 ? axis(references, NAMES + PANEL + GAP) : undefined;
  const width = NAMES + PANEL + (theirs ? GAP + PANEL : 0) + 24;
  const parts: string[] = [];
  let y = TOP;
  for (const { name, rows: own } of groups) {
    parts.push(`<text x="16" y="${y + 15}" font-weight="bold">${escaped(name)}</text>`);
    y += ROW;
    for (const row of own) {
      parts.push(`<text x="${NAMES - 14}" y="${y + 15}" text-anchor="end">${escaped(row.name)}</text>`);
      parts.push(...dots(row.values.filter(Number.isFinite), ours, y + 11));
      if (theirs && row.reference !== undefined && Number.isFinite(row.reference))
        parts.push(diamond(theirs(row.reference), y + 11));
      y += ROW;
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 24}" width="${width}" height="${bottom + 24}" ${FONT} font-size="13" fill="${INK}">`,
    `<title>${escaped(options.title)}</title>`,
    `<rect width="${width}" height="${bottom + 24}" fill="#fff"/>`,
    `<text x="16" y="28" font-size="17" font-weight="bold">${escaped(options.title)}</text>`,
    grid(ours, bottom, options.label),
    ...(theirs ? [grid(theirs, bottom, options.referenceLabel ?? 'reference')] : []),
    ...parts,
    '</svg>',
  ].join('\n');
}

type Axis = ScaleLinear<number, number>;

function axis(values: readonly number[], left: number): Axis {
  const [low, high] = extent(values) as [number, number];
  const margin = Math.max((high - low) * 0.08, 0.5);
  return scaleLinear([low - margin, high + margin], [left, left + PANEL]);
}

function grid(scale: Axis, bottom: number, label: string): string {
  const [left, right] = scale.range() as [number, number];
  const format = scale.tickFormat(6);
  const lines = scale.ticks(6).map((value) => {
    const x = scale(value).toFixed(1);
    return (
      `<line x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${bottom}" stroke="#e4e4e4"/>` +
      `<text x="${x}" y="${TOP - 14}" text-anchor="middle">${format(value)}</text>`
    );
  });
  return `<text x="${(left + right) / 2}" y="${TOP - 34}" text-anchor="middle">${escaped(label)}</text>\n${lines.join('\n')}`;
}

function dots(values: readonly number[], scale: Axis, y: number): string[] {
  if (values.length === 0) return [];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [low, high] = extent(values) as [number, number];
  const at = (value: number) => scale(value).toFixed(1);
  return [
    `<line x1="${at(low)}" x2="${at(high)}" y1="${y}" y2="${y}" stroke="${OURS}" stroke-width="2"/>`,
    ...values.map(
      (value) => `<circle cx="${at(value)}" cy="${y}" r="3.5" fill="${OURS}" fill-opacity="0.45"/>`,
    ),
    `<line x1="${at(mean)}" x2="${at(mean)}" y1="${y - 8}" y2="${y + 8}" stroke="${OURS}" stroke-width="3"/>`,
  ];
}

function diamond(x: number, y: number): string {
  return `<path d="M${(x - 6).toFixed(1)} ${y}l6 -6 6 6 -6 6z" fill="${THEIRS}"/>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
