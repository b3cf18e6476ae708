import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { seed } from '@maehem/random';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadImageError, batches, type Dataset, evaluationTransform } from '../index.js';
import {
  decodeImage,
  decodeImageFile,
  loadCifar10,
  loadCifar100,
  loadMnist,
  openDataset,
  openImageFolder,
} from './index.js';

type Rgb = readonly [number, number, number];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'maehem-data-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** An image of one colour. */
function flat([r, g, b]: Rgb, width = 24, height = 16): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

function noise(width: number, height: number, channels: 1 | 3 = 3): Sharp {
  const pixels = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => (i * 7 + ((i * i) >> 5)) % 256,
  );
  return sharp(pixels, { raw: { width, height, channels } });
}

async function put(path: string, bytes: Uint8Array | string): Promise<string> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  return file;
}

async function putImages(folder: string, names: readonly string[]): Promise<string> {
  for (const [i, name] of names.entries())
    await put(
      `${folder}/${name}`,
      await flat([i * 20, 0, 0])
        .png()
        .toBuffer(),
    );
  return join(root, folder);
}

async function namesAndLabels(dataset: Dataset): Promise<[string, number | undefined][]> {
  const samples = await Promise.all(Array.from({ length: dataset.length }, (_, index) => dataset.get(index)));
  return samples.map(({ name, label }) => [name, label]);
}

describe('decodeImage', () => {
  it('PNG and WebP without loss, JPEG nearly', async () => {
    const { data } = await noise(9, 5).raw().toBuffer({ resolveWithObject: true });
    const expected = { height: 5, width: 9, channels: 3, pixels: new Uint8Array(data) };
    expect(await decodeImage(await noise(9, 5).png().toBuffer(), 'a.png')).toEqual(expected);
    expect(await decodeImage(await noise(9, 5).webp({ lossless: true }).toBuffer(), 'a.webp')).toEqual(
      expected,
    );
    const { pixels } = await decodeImage(
      await flat([200, 100, 50]).jpeg({ quality: 100 }).toBuffer(),
      'a.jpg',
    );
    for (const [c, value] of [200, 100, 50].entries())
      expect(Math.abs(pixels[c]! - value)).toBeLessThanOrEqual(2);
  });

  it('turns the image as its EXIF orientation says', async () => {
    const bytes = await flat([1, 2, 3], 24, 16).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const { height, width } = await decodeImage(bytes, 'a.jpg');
    expect([height, width]).toEqual([24, 16]);
  });

  it('lays transparency on the background', async () => {
    const half = { width: 2, height: 2, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0 } } as const;
    const bytes = await sharp({ create: half }).png().toBuffer();
    expect([...(await decodeImage(bytes, 'a.png')).pixels.slice(0, 3)]).toEqual([255, 255, 255]);
    const black = await decodeImage(bytes, 'a.png', { background: [0, 0, 0] });
    expect([...black.pixels.slice(0, 3)]).toEqual([0, 0, 0]);
  });

  it('reduces 16 bits to 8, gray or RGB', async () => {
    const wide = (channels: 1 | 3) =>
      sharp(new Uint16Array(12 * channels).fill(0x4080), { raw: { width: 4, height: 3, channels } });
    const gray = await wide(1).toColourspace('grey16').png().toBuffer();
    const rgb = await wide(3).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(rgb).metadata()).depth).toBe('ushort');
    for (const bytes of [gray, rgb]) {
      const { channels, pixels } = await decodeImage(bytes, 'a.png');
      expect([channels, pixels.length, ...new Set(pixels)]).toEqual([3, 36, 0x40]);
    }
  });

  it('converts gray and CMYK to RGB, and RGB to gray', async () => {
    const gray = await noise(4, 4, 1).toColourspace('b-w').png().toBuffer();
    expect((await sharp(gray).metadata()).channels).toBe(1);
    expect((await decodeImage(gray, 'a.png')).channels).toBe(3);
    expect((await decodeImage(gray, 'a.png', { channels: 1 })).pixels).toHaveLength(16);
    const cmyk = await flat([200, 50, 20]).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const { channels, pixels } = await decodeImage(cmyk, 'a.jpg');
    expect(channels).toBe(3);
    // The profile's gamut is smaller than sRGB's.
    for (const [c, value] of [200, 50, 20].entries())
      expect(Math.abs(pixels[c]! - value)).toBeLessThanOrEqual(25);
    const red = await flat([255, 0, 0]).png().toBuffer();
    expect((await decodeImage(red, 'a.png', { channels: 1 })).pixels[0]).toBe(76);
  });

  it.each(['jpeg', 'png', 'webp'] as const)('refuses a truncated %s, naming the file', async (format) => {
    const bytes = await noise(64, 64).toFormat(format).toBuffer();
    for (const share of [0.2, 0.5, 0.95]) {
      const file = await put(`truncated.${format}`, bytes.subarray(0, Math.floor(bytes.length * share)));
      const error = await decodeImageFile(file).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BadImageError);
      expect((error as BadImageError).image).toBe(file);
      expect((error as BadImageError).message).toMatch(/bad image .*truncated\.[a-z]+: \S+/);
    }
  });

  it('refuses what is no image, or no file', async () => {
    await expect(decodeImageFile(await put('text.jpg', 'hello'))).rejects.toThrow(
      /text\.jpg: .*unsupported image format/,
    );
    await expect(decodeImageFile(await put('empty.jpg', ''))).rejects.toThrow('empty.jpg: the file is empty');
    await expect(decodeImageFile(join(root, 'gone.jpg'))).rejects.toThrow(/gone\.jpg: ENOENT/);
  });
});

describe('openImageFolder', () => {
  it('takes classes from the subfolders, sorted, at any depth', async () => {
    const folder = await putImages('classes', [
      'dog/b.png',
      'dog/a.PNG',
      'cat/deep/er/c.png',
      'Zebra/z.png',
      '.hidden/x.png',
    ]);
    await put('classes/dog/.hidden.png', 'no image');
    await put('classes/dog/notes.txt', 'no image');
    const dataset = await openImageFolder(folder);
    expect(dataset.classes).toEqual(['Zebra', 'cat', 'dog']);
    expect(await namesAndLabels(dataset)).toEqual([
      ['Zebra/z.png', 0],
      ['cat/deep/er/c.png', 1],
      ['dog/a.PNG', 2],
      ['dog/b.png', 2],
    ]);
  });

  it('labels a test set as its training set', async () => {
    const folder = await putImages('some', ['dog/a.png']);
    const dataset = await openImageFolder(folder, { classes: ['cat', 'dog'] });
    expect(await namesAndLabels(dataset)).toEqual([['dog/a.png', 1]]);
    await expect(openImageFolder(folder, { classes: ['cat'] })).rejects.toThrow(
      'dog is not one of the classes cat',
    );
  });

  it('has no labels where images lie in the folder itself', async () => {
    const dataset = await openImageFolder(await putImages('flat', ['b.png', 'a.png', 'album/c.png']));
    expect(dataset.classes).toBeUndefined();
    expect(await namesAndLabels(dataset)).toEqual([
      ['a.png', undefined],
      ['album/c.png', undefined],
      ['b.png', undefined],
    ]);
  });

  it('follows links, but not round in circles', async () => {
    const folder = await putImages('links', ['one/a.png']);
    await symlink(join(folder, 'one'), join(folder, 'two'));
    await symlink(folder, join(folder, 'one', 'up'));
    await symlink(join(folder, 'nowhere'), join(folder, 'broken.png'));
    expect((await namesAndLabels(await openImageFolder(folder))).map(([name]) => name)).toEqual([
      'one/a.png',
      'two/a.png',
    ]);
  });

  it('refuses an empty folder, and says what it looked for', async () => {
    await put('empty/readme.txt', 'nothing here');
    await expect(openImageFolder(join(root, 'empty'))).rejects.toThrow(
      /empty has no images: looked for \.jpg, \.jpeg, \.png, \.webp in it and in all its subfolders/,
    );
  });

  it('batches skip a truncated file, or fail with its path', async () => {
    const folder = await putImages('broken', ['a.png', 'b.png', 'd.png']);
    const whole = await noise(64, 64).jpeg().toBuffer();
    const file = await put('broken/c.jpg', whole.subarray(0, whole.length / 2));
    const dataset = await openImageFolder(folder);
    const transform = evaluationTransform({ size: 8, channels: 3, normalisation: 'imagenet' });
    const options = { batch: 4, key: seed(0), epoch: 0, shuffle: false, transform } as const;
    await expect(batches(dataset, options).next()).rejects.toThrow(`bad image ${file}: `);
    const { value } = await batches(dataset, { ...options, onBadImage: 'skip' }).next();
    expect([...value!.indices]).toEqual([0, 1, 3, 3]);
    expect(value!.skipped).toBe(1);
  });
});

describe('MNIST and CIFAR folders', () => {
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6);

  it('MNIST: both names, gzipped or not', async () => {
    await put('mnist/train-images-idx3-ubyte.gz', gzipSync(images));
    await put('mnist/train-labels.idx1-ubyte', labels);
    const folder = join(root, 'mnist');
    for (const dataset of [await loadMnist(folder), await openDataset(folder)]) {
      expect(dataset.length).toBe(2);
      expect(await dataset.get(1)).toMatchObject({
        label: 6,
        height: 1,
        width: 2,
        pixels: Uint8Array.of(3, 4),
      });
    }
    await expect(loadMnist(folder, 'test')).rejects.toThrow(
      'mnist has no MNIST test set: looked for t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, with or without .gz',
    );
  });

  it('CIFAR-10: five batches, also from the folder above', async () => {
    const files = (name: string): string => `cifar/cifar-10-batches-bin/${name}`;
    for (let batch = 1; batch <= 4; batch++)
      await put(files(`data_batch_${batch}.bin`), new Uint8Array(3073).fill(batch));
    const folder = join(root, 'cifar');
    await expect(openDataset(folder)).rejects.toThrow(
      'CIFAR-10 train set (binary version): data_batch_5.bin missing',
    );
    const fifth = await put(files('data_batch_5.bin'), new Uint8Array(3000));
    await expect(loadCifar10(folder)).rejects.toThrow(`${fifth}: 3000 bytes are not a whole number`);
    await put(files('data_batch_5.bin'), new Uint8Array(3073).fill(5));
    const dataset = await openDataset(folder);
    expect((await namesAndLabels(dataset)).map(([, label]) => label)).toEqual([1, 2, 3, 4, 5]);
  });

  it('CIFAR-100', async () => {
    await put('cifar100/train.bin', new Uint8Array(3074).fill(7));
    const folder = join(root, 'cifar100');
    expect((await (await openDataset(folder)).get(0)).label).toBe(7);
    expect((await loadCifar100(folder, 'train', 'coarse')).length).toBe(1);
  });
});

describe('openDataset', () => {
  it('takes the split of an image folder', async () => {
    const folder = await putImages('split', ['train/cat/a.png', 'train/dog/b.png', 'val/dog/c.png']);
    const train = await openDataset(folder);
    expect(train.classes).toEqual(['cat', 'dog']);
    const test = await openDataset(folder, { split: 'test', classes: train.classes! });
    expect(await namesAndLabels(test)).toEqual([['dog/c.png', 1]]);
    await expect(openDataset(join(folder, 'train'), { split: 'test' })).rejects.toThrow(
      'has no test split: looked for a subfolder test, testing, val, valid, validation',
    );
  });

  it('takes "train" for a class beside classes', async () => {
    const folder = await putImages('vehicles', ['car/a.png', 'train/b.png']);
    expect((await openDataset(folder)).classes).toEqual(['car', 'train']);
    await expect(openDataset(folder, { split: 'test' })).rejects.toThrow('vehicles has no test split');
  });

  it('decodes an image once where it fits the cache', async () => {
    const folder = await putImages('once', ['a.png']);
    const kept = await openDataset(folder);
    const unkept = await openDataset(folder, { cacheBytes: 0 });
    for (const dataset of [kept, unkept]) await dataset.get(0);
    await rm(join(folder, 'a.png'));
    expect(await kept.get(0)).toMatchObject({ name: 'a.png', height: 16, width: 24 });
    await expect(unkept.get(0)).rejects.toThrow('ENOENT');
  });

  it('says what it looked for, and what is there', async () => {
    await put('unknown/data.parquet', 'x');
    await expect(openDataset(join(root, 'unknown'))).rejects.toThrow(
      /Looked for: MNIST .*CIFAR-10.*images \(\.jpg.*It has: data\.parquet$/,
    );
    await expect(openDataset(join(root, 'unknown', 'data.parquet'))).rejects.toThrow(
      'is a file; a data set is a folder',
    );
    await expect(openDataset(join(root, 'nowhere'))).rejects.toThrow('nowhere: no such folder');
    await expect(openDataset(join(root, 'unknown'), { kind: 'folder' })).rejects.toThrow('has no images');
  });
});
