import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { effect } from '@preact/signals';
import { history, historyVersion, phase } from './session.js';

/** Weight of the newest loss in the smoothed line. */
const SMOOTHING = 0.06;
const HEIGHT = 190;

/** Loss and learning rate over steps, as they come. */
export function LossChart(): VNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => live(place.current!), []);
  return (
    <figure class="chart">
      <figcaption>
        <span class="key loss">loss</span> <span class="key rate">learning rate</span>
      </figcaption>
      <div ref={place} role="img" aria-label={inWords()} />
    </figure>
  );
}

/** What the chart shows, told again whenever training starts or rests. */
function inWords(): string {
  void phase.value;
  const { steps, loss } = history.current;
  if (steps.length === 0) return 'Chart of the loss: no step yet';
  return `Chart of the loss: ${loss[0]!.toFixed(3)} at step ${steps[0]}, ${loss.at(-1)!.toFixed(3)} at step ${steps.at(-1)}`;
}

function live(place: HTMLElement): () => void {
  let chart = draw(place);
  let due = 0;
  const redraw = (): void => {
    due = 0;
    chart.setData(series());
  };
  const stop = effect(() => {
    void historyVersion.value;
    if (due === 0) due = requestAnimationFrame(redraw);
  });
  const resized = new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT }));
  resized.observe(place);
  const recoloured = new MutationObserver(renew);
  recoloured.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', renew);
  function renew(): void {
    chart.destroy();
    chart = draw(place);
  }
  return () => {
    stop();
    cancelAnimationFrame(due);
    resized.disconnect();
    recoloured.disconnect();
    scheme.removeEventListener('change', renew);
    chart.destroy();
  };
}

function draw(place: HTMLElement): uPlot {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px "JetBrains Mono Variable", monospace',
  };
  return new uPlot(
    {
      width: place.clientWidth || 300,
      height: HEIGHT,
      cursor: { points: { size: 6 } },
      legend: { show: false },
      scales: {
        x: { time: false },
        y: { range: fromData },
        lr: { range: (_chart, _min, max) => [0, (max ?? 1) * 1.05] },
      },
      axes: [
        { ...axis, size: 26 },
        { ...axis, size: 46 },
      ],
      series: [
        {},
        { stroke: colour('--faint'), width: 1, points: { show: false } },
        { stroke: colour('--accent'), width: 2.5, points: { show: false } },
        { stroke: colour('--see'), width: 1.5, dash: [4, 4], scale: 'lr', points: { show: false } },
      ],
    },
    series(),
    place,
  );
}

/** A little room above and below. */
function fromData(_chart: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = 0.08 * (high - low || 0.1);
  return [low - room, high + room];
}

function series(): uPlot.AlignedData {
  const { steps, loss, lr } = history.current;
  let mean = loss[0] ?? 0;
  const smooth = loss.map((value) => {
    mean += SMOOTHING * (value - mean);
    return mean;
  });
  return [steps, loss, smooth, lr];
}
