/** Where in a file something is wrong. */
export interface WeightsErrorPlace {
  /** The file's name, as the caller gave it. */
  readonly file: string;
  /** The tensor concerned, where it is one tensor's fault. */
  readonly tensor?: string | undefined;
  /** The offending value. */
  readonly value?: unknown;
  readonly cause?: unknown;
}

/** What is wrong with a file of weights, and where: the error that every reader of this package throws. */
export class WeightsError extends Error {
  override readonly name: string = 'WeightsError';
  /** The file's name, as the caller gave it. */
  readonly file: string;
  /** The tensor concerned, where it is one tensor's fault. */
  readonly tensor: string | undefined;
  /** The offending value as text, shortened. */
  readonly value: string | undefined;

  constructor(problem: string, where: WeightsErrorPlace) {
    const value = 'value' in where ? shorten(where.value) : undefined;
    const tensor = where.tensor === undefined ? '' : `: tensor ${shorten(where.tensor)}`;
    super(`${where.file}${tensor}: ${problem}${value === undefined ? '' : `, got ${value}`}`, {
      cause: where.cause,
    });
    this.file = where.file;
    this.tensor = where.tensor;
    this.value = value;
  }
}

/** A pickle stream that is broken, or asks for something that is not on the list of inert values. */
export class PickleError extends WeightsError {
  override readonly name: string = 'PickleError';
}

/** A pickle stream that ended too early: there may be more of it. */
export class TruncatedPickleError extends PickleError {
  override readonly name = 'TruncatedPickleError';
}

/** A zip archive that is broken, or of a kind that PyTorch does not write. */
export class ZipError extends WeightsError {
  override readonly name = 'ZipError';
}

/** Hostile names and values may be megabytes long. */
function shorten(value: unknown): string {
  const text =
    typeof value === 'bigint' || value === undefined
      ? String(value)
      : (JSON.stringify(value) ?? String(value));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
