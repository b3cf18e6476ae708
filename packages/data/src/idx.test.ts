import { describe, expect, it } from 'vitest';
import { gunzip, mnistDataset, parseIdx } from './index.js';

/** An IDX file of unsigned bytes. */
function idx(shape: readonly number[], data: readonly number[]): Uint8Array {
  const sizes = shape.flatMap((size) => [size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...sizes, ...data]);
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

const images = { source: 'images', bytes: idx([2, 1, 3], [1, 2, 3, 4, 5, 6]) };
const labels = { source: 'labels', bytes: idx([2], [7, 9]) };

describe('parseIdx', () => {
  it('reads shape and data', () => {
    expect(parseIdx(images.bytes, 'images', 3)).toEqual({
      shape: [2, 1, 3],
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    });
  });

  it('reads a view that does not start where its buffer does', () => {
    const padded = Uint8Array.of(9, 9, 9, ...labels.bytes);
    expect([...parseIdx(padded.subarray(3), 'labels', 1).data]).toEqual([7, 9]);
  });

  it('refuses a truncated header, naming the file', () => {
    expect(() => parseIdx(images.bytes.subarray(0, 10), 'a.idx', 3)).toThrow(
      'a.idx: truncated IDX header, 10 bytes of 16',
    );
    expect(() => parseIdx(images.bytes.subarray(0, 2), 'a.idx', 3)).toThrow('truncated IDX header, 2 bytes');
  });

  it('refuses another magic number, and says which it found', () => {
    expect(() => parseIdx(labels.bytes, 'a.idx', 3)).toThrow(
      'it starts with 00 00 08 01, expected 00 00 08 03',
    );
    expect(() => parseIdx(idx([1], [1]).fill(13, 2, 3), 'a.idx', 1)).toThrow('starts with 00 00 0d 01');
  });

  it('refuses fewer or more bytes than promised', () => {
    expect(() => parseIdx(images.bytes.subarray(0, 20), 'a.idx', 3)).toThrow(
      'a.idx: the IDX header promises 2x1x3 = 6 bytes of data, the file has 4 (truncated)',
    );
    expect(() => parseIdx(idx([2], [1, 2, 3]), 'a.idx', 1)).toThrow('2 = 2 bytes of data, the file has 3;');
    expect(() => parseIdx(idx([0xffffffff, 0xffffffff, 2], []), 'a.idx', 3)).toThrow('the file has 0');
  });
});

describe('mnistDataset', () => {
  it('reads images and labels, gzipped or not', async () => {
    const dataset = await mnistDataset({ source: 'images.gz', bytes: await gzip(images.bytes) }, labels);
    expect(dataset.length).toBe(2);
    expect(dataset.classes).toHaveLength(10);
    expect(await dataset.get(1)).toEqual({
      name: 'mnist[1]',
      height: 1,
      width: 3,
      channels: 1,
      pixels: Uint8Array.of(4, 5, 6),
      label: 9,
    });
    expect(() => dataset.get(2)).toThrow('mnist has no image 2');
  });

  it('refuses counts that differ', async () => {
    await expect(mnistDataset(images, { source: 't10k', bytes: idx([3], [1, 2, 3]) })).rejects.toThrow(
      'images has 2 images but t10k has 3 labels; both must be of the same split',
    );
  });

  it('refuses a label that is no class', async () => {
    await expect(mnistDataset(images, { source: 'labels', bytes: idx([2], [1, 10]) })).rejects.toThrow(
      'labels: label 1 is 10, not one of 10 classes',
    );
  });

  it('refuses a truncated gzip file', async () => {
    const packed = await gzip(images.bytes);
    await expect(gunzip(packed.subarray(0, packed.length - 9), 'a.gz')).rejects.toThrow(
      'a.gz: corrupt or truncated gzip file',
    );
  });
});
