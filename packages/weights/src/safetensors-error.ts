/** What is wrong with a safetensors file, and where. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  /** The file's name, as the caller gave it. */
  readonly file: string;
  /** The tensor concerned, where it is one tensor's fault. */
  readonly tensor: string | undefined;
  /** The offending value as text, shortened. */
  readonly value: string | undefined;

  constructor(
    problem: string,
    where: { file: string; tensor?: string | undefined; value?: unknown; cause?: unknown },
  ) {
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

/** Hostile names and values may be megabytes long. */
function shorten(value: unknown): string {
  const text =
    typeof value === 'bigint' || value === undefined
      ? String(value)
      : (JSON.stringify(value) ?? String(value));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
