import type { RgbaImage } from '@maehem/viz';
import type { OwnPictures } from '../data/source.js';

/** A file that a person brought, with its path in the folder or archive that it came in. */
export interface BroughtFile {
  readonly path: string;
  readonly file: Blob;
}

/** A file that was left out. */
export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

/** How far an import is. */
export interface ImportProgress {
  readonly done: number;
  /** Bytes of pixels that were kept. */
  readonly bytes: number;
  readonly leftOut: number;
  /** Thumbnails since the last word; only of the first pictures. */
  readonly thumbnails: readonly RgbaImage[];
}

/** What came of an import. */
export interface ImportResult {
  readonly source: OwnPictures | undefined;
  readonly count: number;
  readonly bytes: number;
  readonly classes: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** What the import worker does for the page. */
export interface ImportApi {
  /**
   * Decode pictures and keep them in this browser.
   * @param shortSide pictures are made so small, in pixels, unless they are smaller
   */
  bring(
    files: readonly BroughtFile[],
    options: { readonly name: string; readonly shortSide: number },
    tell: (progress: ImportProgress) => void,
  ): Promise<ImportResult>;
}
