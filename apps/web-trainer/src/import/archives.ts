import type { BroughtFile, LeftOut } from './protocol.js';

/** The largest single file that is taken out of an archive: more is no picture. */
const LARGEST = 256e6;

/** What stands in a list of files: one of them, or why one is left out. */
export type Found = BroughtFile | LeftOut;

/** Files as they are, archives as what is in them. Names that begin with a dot are not looked at. */
export async function* unpacked(files: readonly BroughtFile[]): AsyncGenerator<Found> {
  for (const brought of files) {
    try {
      if (/\.zip$/i.test(brought.path)) yield* unzipped(brought);
      else if (/\.(tar|tgz|tar\.gz)$/i.test(brought.path)) yield* untarred(brought);
      else if (!isHidden(brought.path)) yield brought;
    } catch (error) {
      yield { path: brought.path, why: `broken archive: ${(error as Error).message}` };
    }
  }
}

/** Entries are read one by one from the file: it may be larger than memory. */
async function* unzipped({ path: archive, file }: BroughtFile): AsyncGenerator<Found> {
  const { BlobReader, BlobWriter, configure, ZipReader } = await import('@zip.js/zip.js');
  // This is a worker already, and further ones would come from code that the policy forbids.
  configure({ useWebWorkers: false });
  const reader = new ZipReader(new BlobReader(file));
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (entry.directory || isHidden(entry.filename)) continue;
      const path = entry.filename;
      if (entry.encrypted) yield { path, why: `encrypted in ${archive}` };
      else if (entry.uncompressedSize > LARGEST) yield { path, why: 'too large for a picture' };
      else yield await entry.getData(new BlobWriter()).then((blob) => ({ path, file: blob }), broken(path));
    }
  } finally {
    await reader.close();
  }
}

function broken(path: string): (error: Error) => LeftOut {
  return (error) => ({ path, why: `broken in its archive: ${error.message}` });
}

async function* untarred({ path: archive, file }: BroughtFile): AsyncGenerator<Found> {
  const { createTarDecoder } = await import('modern-tar');
  const isZipped = /gz$/i.test(archive);
  const bytes = isZipped ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  for await (const { header, body } of bytes.pipeThrough(createTarDecoder())) {
    const { name: path, size, type } = header;
    if (type !== 'file' || isHidden(path) || size > LARGEST) {
      await body.cancel();
      if (size > LARGEST) yield { path, why: 'too large for a picture' };
    } else yield { path, file: await new Response(body).blob() };
  }
}

function isHidden(path: string): boolean {
  return path.split('/').some((part) => (part.startsWith('.') && part !== '.') || part === '__MACOSX');
}
