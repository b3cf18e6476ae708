import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMetrics, readMetrics } from './metrics.js';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const steps = async () => (await readMetrics(path)).map(({ step }) => step);

describe('metrics', () => {
  it('are one object a line, there as soon as written', async () => {
    const metrics = await openMetrics(path);
    const record = {
      step: 1,
      loss: 0.25,
      note: 'a\nb',
      diverged: Number.NaN,
      grad: Number.NEGATIVE_INFINITY,
    };
    metrics.write(record);
    expect(await readFile(path, 'utf8')).toBe(
      '{"step":1,"loss":0.25,"note":"a\\nb","diverged":"NaN","grad":"-Infinity"}\n',
    );
    expect(await readMetrics(path)).toEqual([record]);
    metrics.flush();
    metrics.close();
  });

  it('go on after the step of a checkpoint, and lose what came later', async () => {
    const before = await openMetrics(path);
    for (let step = 1; step <= 5; step++) before.write({ step });
    before.close();
    await appendFile(path, '{"step":6,"lo');
    expect(await steps()).toEqual([1, 2, 3, 4, 5]);

    const after = await openMetrics(path, { resumeStep: 3 });
    after.write({ step: 4 });
    after.close();
    expect(await steps()).toEqual([1, 2, 3, 4]);
    expect((await readFile(path, 'utf8')).endsWith('{"step":4}\n')).toBe(true);

    (await openMetrics(path)).close();
    expect(await steps()).toEqual([]);
  });

  it('begin a file that is not there', async () => {
    (await openMetrics(path, { resumeStep: 3 })).close();
    expect(await steps()).toEqual([]);
    await expect(readMetrics(join(folder, 'none'))).rejects.toThrow('ENOENT');
  });

  it.each(['null', '{"loss":1}', 'nonsense'])('name the line that is no record: %s', async (line) => {
    await writeFile(path, `{"step":1}\n${line}\n`);
    await expect(readMetrics(path)).rejects.toThrow(`${path}:2: not a record with a step: ${line}`);
    await expect(openMetrics(path, { resumeStep: 1 })).rejects.toThrow(':2: not a record');
  });
});
