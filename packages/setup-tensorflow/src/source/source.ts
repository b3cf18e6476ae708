import type { TensorFlowVariant } from '../installation.js';

/** A TensorFlow C library and its headers, wherever they are. */
export interface LibrarySource {
  readonly kind: 'wheel' | 'python' | 'tarball' | 'folder';
  /** The file or folder, for people. */
  readonly location: string;
  /** Hexadecimal SHA-256 by which the same library is known again: of the library, or of the tarball. */
  readonly fingerprint: string;
  /** `undefined` when the source does not say. */
  readonly variant: TensorFlowVariant | undefined;
  /**
   * Folders that may hold CUDA's libraries for it, best first.
   * @param work a folder that is not there yet, for what must be unpacked
   */
  cudaFolders(work: string): Promise<readonly string[]>;
  /**
   * Put the libraries into `folders.libraries`.
   * @param folders empty folders on the disk of the installation; `headers` need not be used
   * @returns the folder to give to the compiler for `#include "tensorflow/c/c_api.h"`
   */
  provide(folders: { readonly libraries: string; readonly headers: string }): Promise<string>;
}

/** File names of TensorFlow's library, the first that is there counts, and of the part that it needs. */
export interface LibraryNames {
  readonly main: readonly string[];
  readonly framework: string;
}

/** As in a Python wheel, and as in the official tarball of the C library. */
export const LIBRARY_NAMES: LibraryNames =
  process.platform === 'darwin'
    ? {
        main: ['libtensorflow_cc.2.dylib', 'libtensorflow.2.dylib'],
        framework: 'libtensorflow_framework.2.dylib',
      }
    : {
        main: ['libtensorflow_cc.so.2', 'libtensorflow.so.2'],
        framework: 'libtensorflow_framework.so.2',
      };

/** The headers that the binding includes, directly or not, lie under these folders of `include`. */
export const HEADER_FOLDERS: readonly string[] = [
  'tensorflow/c/',
  'tensorflow/core/platform/',
  'tsl/platform/',
  'xla/tsl/',
];
