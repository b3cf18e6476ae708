import type { TuneProgress } from '@maehem/kernels';
import { Presets, SingleBar } from 'cli-progress';
import { duration } from '../progress.js';
import { kernelLine } from './tune.js';

/** Shows tuning going on, on stderr: a live line on a terminal, a line for each kernel that is done everywhere. */
interface TuningProgress {
  update(progress: TuneProgress): void;
  note(text: string): void;
  stop(): void;
}

const FORMAT = ' {bar} {percentage} % of the step  {kernel}: {doing}  {left} left';

export function tuningProgress(stream: NodeJS.WriteStream = process.stderr): TuningProgress {
  const bar =
    stream.isTTY === true
      ? new SingleBar({ format: FORMAT, stream, hideCursor: true, barsize: 20 }, Presets.shades_classic)
      : undefined;
  let started = false;
  const stop = (): void => {
    if (started) bar?.stop();
    started = false;
  };
  const note = (text: string): void => {
    stop();
    stream.write(`${text}\n`);
  };
  return {
    update: ({ kernel, doing, done, secondsLeft, decided }) => {
      if (decided !== undefined)
        note(`${kernelLine(decided)}${bar ? '' : `, ${duration(secondsLeft)} left`}`);
      if (!started) bar?.start(100, 0, { kernel, doing, left: duration(secondsLeft) });
      started = true;
      bar?.update(Math.round(100 * done), { kernel, doing, left: duration(secondsLeft) });
    },
    note,
    stop,
  };
}
