import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { Sha256Passage } from '../checksum.js';

/** A zip archive that is read where it lies. Its index is read once; `close` it in the end. */
export class ZipArchive {
  readonly path: string;
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(path: string, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.path = path;
    this.#zip = zip;
    this.#entries = entries;
  }

  /** @throws naming the file, when it is not a whole zip archive. */
  static async open(path: string): Promise<ZipArchive> {
    const zip = await openPromise(path, { autoClose: false }).catch((error: Error) => {
      throw damaged(path, error);
    });
    const entries = new Map<string, Entry>();
    try {
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
    } catch (error) {
      zip.close();
      throw damaged(path, error as Error);
    }
    return new ZipArchive(path, zip, entries);
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  async text(name: string): Promise<string> {
    return text(await this.#open(name)).catch((error: Error) => {
      throw damaged(this.path, error, name);
    });
  }

  /**
   * Write an entry to `target`, making its folder.
   * @returns its hexadecimal SHA-256
   */
  async extract(name: string, target: string): Promise<string> {
    await mkdir(dirname(target), { recursive: true });
    const passage = new Sha256Passage();
    await pipeline(await this.#open(name), passage, createWriteStream(target)).catch((error: Error) => {
      throw damaged(this.path, error, name);
    });
    return passage.digest();
  }

  close(): void {
    this.#zip.close();
  }

  async #open(name: string): ReturnType<ZipFile['openReadStreamPromise']> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`${this.path} has no ${name}`);
    return this.#zip.openReadStreamPromise(entry).catch((error: Error) => {
      throw damaged(this.path, error, name);
    });
  }
}

function damaged(path: string, error: Error, name?: string): Error {
  const where = name === undefined ? path : `${path}, ${name}`;
  return new Error(`${where}: not a whole zip archive (${error.message}); get it again`, { cause: error });
}
