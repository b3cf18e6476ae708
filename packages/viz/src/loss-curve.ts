import { cumsum, extent, ticks } from 'd3-array';
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';

/** One line of a chart: `[step, loss]` in order of the step. */
export interface CurveSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** How a loss curve is drawn. */
export interface LossCurveOptions {
  readonly title?: string;
  /** What the axes show, with units. Defaults: `step`, `loss`. */
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** Logarithmic loss axis; values not above zero are left out. Default false. */
  readonly log?: boolean;
  /** Points on either side that the smoothed line averages over, 0 for none. Default: by the number of points. */
  readonly smoothing?: number;
  /** Pixels. Defaults 760 and 440. */
  readonly width?: number;
  readonly height?: number;
}

type Point = readonly [x: number, y: number];
type Scale = ScaleContinuousNumeric<number, number>;

/** Okabe and Ito's palette: told apart by colour-blind readers too. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const MARGIN = { top: 48, right: 24, bottom: 54, left: 70 };
const FONT = `font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif"`;
const INK = '#333';

/**
 * Draw losses over steps as a stand-alone SVG: the raw line pale, the smoothed one on top. No DOM is needed.
 * @throws when no series has a point that can be drawn.
 */
export function lossCurve(series: readonly CurveSeries[], options: LossCurveOptions = {}): string {
  const {
    title = 'Loss',
    xLabel = 'step',
    yLabel = 'loss',
    log = false,
    width = 760,
    height = 440,
  } = options;
  const drawn = series.map(({ name, points }) => ({ name, points: drawable(points, log) }));
  const all = drawn.flatMap(({ points }) => points);
  if (all.length === 0) throw new Error('a loss curve needs at least one finite point');
  const x = scaleLinear(widened(all.map(([step]) => step)), [MARGIN.left, width - MARGIN.right]);
  const yRange = [height - MARGIN.bottom, MARGIN.top];
  const losses = widened(
    all.map(([, loss]) => loss),
    log,
  );
  const y: Scale = log ? scaleLog(losses, yRange) : scaleLinear(losses, yRange).nice();
  const lines = drawn.map(({ points }, index) =>
    curve(points, x, y, COLOURS[index % COLOURS.length]!, options.smoothing ?? radiusFor(points.length)),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT} font-size="13" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="28" font-size="17" font-weight="bold">${escaped(title)}</text>`,
    horizontalGrid(y, log, width),
    stepAxis(x, height),
    `<text x="${(MARGIN.left + width - MARGIN.right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(xLabel)}</text>`,
    `<text transform="translate(18 ${(MARGIN.top + height - MARGIN.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`,
    ...lines,
    drawn.length > 1 ? legend(drawn, width) : '',
    '</svg>',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function drawable(points: readonly Point[], log: boolean): Point[] {
  return points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0));
}

/** The extent of values, widened where it is a single one. */
function widened(values: readonly number[], log = false): [number, number] {
  const [low, high] = extent(values) as [number, number];
  if (low < high) return [low, high];
  return log ? [low / 2, low * 2] : [low - 0.5, high + 0.5];
}

/** About a thirtieth of the run, both sides together. */
function radiusFor(count: number): number {
  return count < 30 ? 0 : count / 60;
}

function curve(points: readonly Point[], x: Scale, y: Scale, colour: string, radius: number): string {
  const path = line<Point>(
    ([step]) => x(step),
    ([, loss]) => y(loss),
  ).digits(1);
  const [from, to] = x.range() as [number, number];
  const draw = (list: readonly Point[], style: string) =>
    `<path d="${path(thinned(list, to - from))}" fill="none" stroke="${colour}" stroke-linejoin="round" ${style}/>`;
  if (radius === 0) return draw(points, 'stroke-width="2"');
  const means = centredMeans(
    points.map(([, loss]) => loss),
    Math.round(radius),
  );
  const smooth = points.map(([step], index) => [step, means[index]!] as const);
  return `${draw(points, 'stroke-width="1" stroke-opacity="0.3"')}\n${draw(smooth, 'stroke-width="2"')}`;
}

/**
 * Means over `radius` values on either side, fewer at the ends. Centred, unlike an average of the past: the line
 * stays inside what it smooths when the loss falls fast.
 */
function centredMeans(values: readonly number[], radius: number): number[] {
  const sums = cumsum([0, ...values]);
  return values.map((_, index) => {
    const from = Math.max(0, index - radius);
    const to = Math.min(values.length, index + radius + 1);
    return (sums[to]! - sums[from]!) / (to - from);
  });
}

/** Of long runs keep the lowest and the highest point of each pixel: the same picture in a small file. */
function thinned(points: readonly Point[], pixels: number): Point[] {
  const bin = Math.ceil(points.length / pixels);
  if (bin <= 2) return [...points];
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += bin) {
    const part = points.slice(start, start + bin);
    const low = part.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = part.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low[0] < high[0] ? [low, high] : [high, low]));
  }
  return kept;
}

function horizontalGrid(y: Scale, log: boolean, width: number): string {
  const values = log ? logTicks(y) : y.ticks(6);
  const format = log ? String : y.tickFormat(6);
  return values
    .map((value) => {
      const at = y(value).toFixed(1);
      return (
        `<line x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${at}" y2="${at}" stroke="#e4e4e4"/>` +
        `<text x="${MARGIN.left - 8}" y="${at}" dy="0.35em" text-anchor="end">${format(value)}</text>`
      );
    })
    .join('\n');
}

/** 1, 2 and 5 of each decade; evenly spaced values where the loss spans too little for them. */
function logTicks(y: Scale): number[] {
  const [low, high] = y.domain() as [number, number];
  const decades = y.ticks(100).filter((value) => /^[125]e/.test(value.toExponential()));
  return decades.length >= 3 && high / low >= 4 ? decades : ticks(low, high, 6);
}

function stepAxis(x: Scale, height: number): string {
  const base = height - MARGIN.bottom;
  const [from, to] = x.range() as [number, number];
  const format = x.tickFormat(8);
  const marks = x.ticks(8).map((value) => {
    const at = x(value).toFixed(1);
    return (
      `<line x1="${at}" x2="${at}" y1="${base}" y2="${base + 5}" stroke="${INK}"/>` +
      `<text x="${at}" y="${base + 20}" text-anchor="middle">${format(value)}</text>`
    );
  });
  return [`<line x1="${from}" x2="${to}" y1="${base}" y2="${base}" stroke="${INK}"/>`, ...marks].join('\n');
}

function legend(series: readonly { readonly name: string }[], width: number): string {
  return series
    .map(({ name }, index) => {
      const y = MARGIN.top + 12 + index * 20;
      const right = width - MARGIN.right;
      return (
        `<line x1="${right - 22}" x2="${right}" y1="${y}" y2="${y}" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"/>` +
        `<text x="${right - 30}" y="${y}" dy="0.35em" text-anchor="end">${escaped(name)}</text>`
      );
    })
    .join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
