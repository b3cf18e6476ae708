import { type Architecture, type ArchitectureHints, hintsOfNotes, readArchitecture } from './architecture.js';
import type { Named } from './host-tensor.js';
import { type Dialect, toReferenceNames } from './names/dialect.js';
import type { TensorSource } from './tensor-source.js';
import type { Note, WeightsFile } from './weights-file.js';

/** The weights of a vision transformer, whatever format they lie in and whoever named them. */
export interface ModelWeights {
  /** What to call it in errors. */
  readonly name: string;
  readonly format: WeightsFile['format'];
  /** Whose names the file has. */
  readonly dialect: Dialect;
  readonly architecture: Architecture;
  /** Under the reference's names, `attn.qkv` packed; read when loaded. */
  readonly tensors: Named<TensorSource>;
  readonly notes: Named<Note>;
}

/**
 * The weights of a file as those of a vision transformer.
 * @param hints what is known beside the tensors; goes before what they suggest
 * @throws WeightsError when its names or shapes are of no vision transformer that is known.
 */
export async function readModel(file: WeightsFile, hints: ArchitectureHints = {}): Promise<ModelWeights> {
  const { dialect, tensors } = toReferenceNames(file.tensors, file.name);
  const known = { ...hintsOfNotes(file.notes), ...definedOnly(hints) };
  const architecture = await readArchitecture(tensors, known, file.name);
  return { name: file.name, format: file.format, dialect, architecture, tensors, notes: file.notes };
}

/** Hints laid over others: an unknown one hides nothing. */
export function definedOnly(hints: ArchitectureHints): ArchitectureHints {
  return Object.fromEntries(Object.entries(hints).filter(([, value]) => value !== undefined));
}
