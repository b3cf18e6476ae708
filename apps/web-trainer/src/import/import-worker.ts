import { type Dataset, toChannels } from '@maehem/data';
import { type RgbaImage, toRgba } from '@maehem/viz';
import * as comlink from 'comlink';
import { type PictureWriter, writePictures } from '../data/picture-store.js';
import { unpacked } from './archives.js';
import { isBinarySet, readBinarySets } from './binary-sets.js';
import { decodePicture } from './decode.js';
import type { BroughtFile, ImportApi, ImportProgress, LeftOut } from './protocol.js';

/** Pictures whose thumbnails are shown. */
const THUMBNAILS = 96;
/** Milliseconds between two words to the page. */
const TELL_EVERY = 150;

const PICTURE = /\.(jpe?g|png|webp|gif|bmp|avif|ico|svg)$/i;

/** An import under way. */
class Import {
  readonly leftOut: LeftOut[] = [];
  readonly classes = new Set<string>();
  count = 0;
  bytes = 0;
  readonly #writer: PictureWriter;
  readonly #tell: (progress: ImportProgress) => void;
  #thumbnails: RgbaImage[] = [];
  #shown = 0;
  #told = 0;

  constructor(writer: PictureWriter, tell: (progress: ImportProgress) => void) {
    this.#writer = writer;
    this.#tell = tell;
  }

  async keep(
    path: string,
    picture: { height: number; width: number; pixels: Uint8Array },
    thumbnail: () => RgbaImage,
    folder: string | undefined,
  ): Promise<void> {
    const { height, width, pixels } = picture;
    await this.#writer.add({
      name: path,
      height,
      width,
      pixels,
      ...(folder === undefined ? {} : { folder }),
    });
    if (folder !== undefined) this.classes.add(folder);
    this.count++;
    this.bytes += pixels.length;
    if (this.#shown++ < THUMBNAILS) this.#thumbnails.push(thumbnail());
    this.tellDue();
  }

  leaveOut(left: LeftOut): void {
    this.leftOut.push(left);
    this.tellDue();
  }

  tellDue(now: number = performance.now()): void {
    if (now - this.#told < TELL_EVERY) return;
    this.#told = now;
    this.tellAll();
  }

  tellAll(): void {
    this.#tell({
      done: this.count,
      bytes: this.bytes,
      leftOut: this.leftOut.length,
      thumbnails: this.#thumbnails,
    });
    this.#thumbnails = [];
  }
}

const api: ImportApi = {
  bring: async (files, { name, shortSide }, tell) => {
    const id = `${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
    const writer = await writePictures(id, name);
    const work = new Import(writer, tell);
    try {
      await bringAll(work, files, shortSide);
      work.tellAll();
      const { count, bytes, leftOut } = work;
      const classes = [...work.classes].sort();
      if (count === 0) {
        await writer.abort();
        return { source: undefined, count, bytes, classes, leftOut };
      }
      return { source: await writer.finish(), count, bytes, classes, leftOut };
    } catch (error) {
      await writer.abort().catch(() => {});
      throw error;
    }
  },
};

async function bringAll(work: Import, files: readonly BroughtFile[], shortSide: number): Promise<void> {
  const binary: BroughtFile[] = [];
  for await (const found of unpacked(files)) {
    if ('why' in found) work.leaveOut(found);
    else if (isBinarySet(found.path)) binary.push(found);
    else if (PICTURE.test(found.path) || found.file.type.startsWith('image/'))
      await bringPicture(work, found, shortSide);
    else work.leaveOut({ path: found.path, why: 'not a picture' });
  }
  const { sets, leftOut } = await readBinarySets(binary);
  for (const left of leftOut) work.leaveOut(left);
  for (const set of sets) await bringSet(work, set);
}

async function bringPicture(work: Import, { path, file }: BroughtFile, shortSide: number): Promise<void> {
  const decoded = await decodePicture(file, shortSide).catch((error: Error) => error);
  if (decoded instanceof Error) work.leaveOut({ path, why: decoded.message });
  else await work.keep(path, decoded, () => decoded.thumbnail, classOf(path));
}

/** Labels of such a set become its classes. */
async function bringSet(work: Import, set: Dataset): Promise<void> {
  for (let index = 0; index < set.length; index++) {
    const sample = await set.get(index);
    const picture = toChannels(sample, 3);
    const thumbnail = (): RgbaImage =>
      toRgba(
        Float32Array.from(picture.pixels, (value) => value / 255),
        picture,
      );
    const label = sample.label === undefined ? undefined : (set.classes?.[sample.label] ?? `${sample.label}`);
    await work.keep(sample.name, picture, thumbnail, label);
  }
}

/** The folder that a picture lies in names its class. */
function classOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts.length < 2 ? undefined : parts[parts.length - 2];
}

comlink.expose(api);
