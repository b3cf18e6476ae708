import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '@maehem/weights/node';

/** One line of a metrics file: whatever was measured at a step. */
export interface MetricRecord {
  readonly step: number;
}

/** A record as it is read back. */
export type ReadMetricRecord = MetricRecord & { readonly [name: string]: unknown };

/** An open metrics file. A line has reached the operating system when `write` returns. */
export interface MetricsWriter {
  /** Append one line. Numbers that aren't finite, which JSON lacks, become the strings `NaN`, `Infinity`, `-Infinity`. */
  write(record: MetricRecord): void;
  /** Wait until everything is on disk. */
  flush(): void;
  close(): void;
}

/**
 * Open a file of JSON lines, one object a line.
 * @param options `resumeStep`: a run goes on after this step. Lines of later steps, and one cut off by a crash, are
 *   removed. Without it the file is begun anew.
 * @throws when a line of the old file is no record (with the file and the line), or the file can't be written.
 */
export async function openMetrics(
  path: string,
  { resumeStep }: { readonly resumeStep?: number } = {},
): Promise<MetricsWriter> {
  const lines = resumeStep === undefined ? [] : await wholeLines(path, { absent: 'none' });
  const kept = lines.filter((line, index) => parse(line, path, index).step <= resumeStep!);
  await writeFileAtomic(path, [new TextEncoder().encode(kept.map((line) => `${line}\n`).join(''))]);
  const file = openSync(path, 'a');
  return {
    write: (record) => {
      const line = Buffer.from(`${JSON.stringify(record, writable)}\n`);
      for (let at = 0; at < line.byteLength; ) at += writeSync(file, line, at);
    },
    flush: () => fsyncSync(file),
    close: () => closeSync(file),
  };
}

/**
 * Read a metrics file. A last line cut off by a crash is left out.
 * @throws the file system's error, or one that names the file and the line that is no record.
 */
export async function readMetrics(path: string): Promise<ReadMetricRecord[]> {
  const lines = await wholeLines(path);
  return lines.map((line, index) => parse(line, path, index));
}

/** The lines that end in a newline; a missing file is an error, or has none. */
async function wholeLines(path: string, { absent }: { absent?: 'none' } = {}): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  } catch (error) {
    if (absent === 'none' && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function parse(line: string, path: string, index: number): ReadMetricRecord {
  let record: unknown;
  try {
    record = JSON.parse(line, readable);
  } catch {
    // Falls through to the error below, as JSON of another form does.
  }
  if (typeof record === 'object' && record !== null && typeof (record as MetricRecord).step === 'number')
    return record as ReadMetricRecord;
  throw new Error(`${path}:${index + 1}: not a record with a step: ${line.slice(0, 80)}`);
}

const NOT_IN_JSON: ReadonlyMap<unknown, number> = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => [String(value), value]),
);

function writable(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function readable(_name: string, value: unknown): unknown {
  return NOT_IN_JSON.get(value) ?? value;
}
