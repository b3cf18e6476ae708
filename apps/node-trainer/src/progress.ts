import type { StepReport } from '@maehem/train';
import { Presets, SingleBar } from 'cli-progress';

/** Shows a run going on: a live line on a terminal, plain lines elsewhere. */
export interface Progress {
  update(report: StepReport): void;
  /** A line of text that stays. */
  note(text: string): void;
  stop(): void;
}

/** Seconds between plain lines. */
const LINE_SECONDS = 10;
/** Weight of the newest step in the running averages. */
const SMOOTHING = 0.1;

/** Averages that make a live line readable. */
function smoother(): (value: number) => number {
  let mean: number | undefined;
  return (value) => {
    mean = mean === undefined ? value : mean + SMOOTHING * (value - mean);
    return mean;
  };
}

/** Progress of a training run, written to stderr: stdout stays free for results. */
export function trainingProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const rate = smoother();
  const loss = smoother();
  const describe = (report: StepReport) => {
    const imagesPerSecond = rate(report.imagesPerSecond);
    const images = (report.totalSteps - report.step) * report.seconds * report.imagesPerSecond;
    return {
      epoch: report.epoch.toFixed(2),
      loss: loss(report.loss).toFixed(4),
      lr: report.lr.toExponential(2),
      rate: imagesPerSecond.toFixed(0),
      left: duration(images / imagesPerSecond),
      memory: megabytes(process.memoryUsage().rss),
    };
  };
  return stream.isTTY === true ? liveProgress(stream, describe) : plainProgress(stream, describe);
}

type Description = { epoch: string; loss: string; lr: string; rate: string; left: string; memory: string };

function liveProgress(stream: NodeJS.WriteStream, describe: (report: StepReport) => Description): Progress {
  const format =
    ' {bar} epoch {epoch}  step {value}/{total}  loss {loss}  lr {lr}  {rate} images/s  {left} left  {memory}';
  const bar = new SingleBar(
    { format, stream, hideCursor: true, barsize: 20, clearOnComplete: false },
    Presets.shades_classic,
  );
  let started = false;
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
  };
  return {
    update: (report) => {
      if (!started) bar.start(report.totalSteps, report.step - 1);
      started = true;
      bar.update(report.step, describe(report));
    },
    note: (text) => {
      stop();
      stream.write(`${text}\n`);
    },
    stop,
  };
}

function plainProgress(stream: NodeJS.WriteStream, describe: (report: StepReport) => Description): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    update: (report) => {
      const { epoch, loss, lr, rate, left, memory } = describe(report);
      const now = performance.now() / 1000;
      if (now - last < LINE_SECONDS && report.step !== report.totalSteps) return;
      last = now;
      stream.write(
        `step ${report.step}/${report.totalSteps}  epoch ${epoch}  loss ${loss}  lr ${lr}  ${rate} images/s  ${left} left  ${memory}\n`,
      );
    },
    note: (text) => stream.write(`${text}\n`),
    stop: () => {},
  };
}

/** 75 → '1m15s'. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, '0')}m`;
  return minutes > 0 ? `${minutes}m${String(rest).padStart(2, '0')}s` : `${rest}s`;
}

/** 1e8 → '100 MB'. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
