import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { encodePng, filled } from '@maehem/viz';
import crc32c from 'crc-32/crc32c.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventSchema, maskedCrc32c, openTensorBoard } from './tensorboard.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-tensorboard-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The events of a file without their times, every checksum verified. */
async function eventsOf(path: string): Promise<object[]> {
  const bytes = new Uint8Array(await readFile(path));
  const view = new DataView(bytes.buffer);
  const events: object[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc32c(data));
    const event = fromBinary(eventSchema, data) as unknown as {
      wallTime: number;
      step: bigint;
      what: object;
    };
    expect(Math.abs(event.wallTime - Date.now() / 1000)).toBeLessThan(60);
    events.push({ step: Number(event.step), ...event.what });
    at += length + 16;
  }
  return events;
}

describe('masked CRC-32C', () => {
  it('rests on the published checksums (RFC 3720, B.4)', () => {
    expect(crc32c.buf(new Uint8Array(32), 0) >>> 0).toBe(0x8a9136aa);
    expect(crc32c.buf(new Uint8Array(32).fill(255), 0) >>> 0).toBe(0x62a8ab43);
    expect(
      crc32c.buf(
        Uint8Array.from({ length: 32 }, (_, i) => i),
        0,
      ) >>> 0,
    ).toBe(0x46dd794e);
  });

  it('is what TensorBoard 2.21 computes', () => {
    expect(maskedCrc32c(Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0))).toBe(0x224b7fa3);
  });
});

describe('event files', () => {
  it('hold scalars and pictures', async () => {
    const board = openTensorBoard(join(folder, 'run'));
    board.scalars({ 'train/loss': 0.5, 'train/lr': 0 }, 3);
    board.image('reconstruction', encodePng(filled(5, 2, [1, 2, 3])), 2 ** 40);
    board.flush();
    board.close();
    expect(basename(board.path)).toMatch(/^events\.out\.tfevents\.\d{10}\..+/);
    const events = await eventsOf(board.path);
    expect(events).toHaveLength(3);
    expect(events[0]).toMatchObject({ step: 0, case: 'fileVersion', value: 'brain.Event:2' });
    expect(events[1]).toMatchObject({
      step: 3,
      case: 'summary',
      value: {
        value: [
          { tag: 'train/loss', value: { case: 'simpleValue', value: 0.5 } },
          { tag: 'train/lr', value: { case: 'simpleValue', value: 0 } },
        ],
      },
    });
    const image = {
      height: 2,
      width: 5,
      colorspace: 4,
      encodedImageString: encodePng(filled(5, 2, [1, 2, 3])),
    };
    expect(events[2]).toMatchObject({
      step: 2 ** 40,
      case: 'summary',
      value: { value: [{ tag: 'reconstruction', value: { case: 'image', value: image } }] },
    });
  });

  it('go on in a file of their own, and take back later steps', async () => {
    const first = openTensorBoard(folder);
    first.scalars({ loss: Number.NaN }, 1);
    const second = openTensorBoard(folder, { resumeStep: 10 });
    first.close();
    second.close();
    expect(await readdir(folder)).toHaveLength(2);
    expect(second.path > first.path).toBe(true);
    expect((await eventsOf(first.path))[1]).toMatchObject({
      step: 1,
      value: { value: [{ tag: 'loss', value: { value: Number.NaN } }] },
    });
    expect((await eventsOf(second.path))[1]).toMatchObject({
      step: 11,
      case: 'sessionLog',
      value: { status: 1 },
    });
  });

  it('refuse pictures of another format', () => {
    const board = openTensorBoard(folder);
    expect(() => board.image('a', new Uint8Array(50), 0)).toThrow("these 50 bytes aren't one");
    board.close();
  });
});
