/** A header is an object of objects, whose `shape` and `data_offsets` are arrays. */
const MAX_DEPTH = 3;
const MAX_DIMS = 64;
const TENSOR_KEYS = 3;

/** The entry of the header that holds the file's own strings. */
export const METADATA = '__metadata__';

interface Level {
  readonly opener: string;
  /** The key under which this object or array stands. */
  readonly key: string;
  /** An object's keys so far. */
  readonly keys: Set<string> | undefined;
  commas: number;
}

/** What `findHeaderFault` found: a sentence's end, the tensor where known, and the offending value. */
export interface HeaderFault {
  readonly problem: string;
  readonly tensor: string | undefined;
  readonly value: unknown;
}

/**
 * One pass over a header's text before `JSON.parse` sees it, for what that lets through: duplicate keys (it keeps
 * the last), and nesting, arrays or empty entries by the million, made to exhaust memory. Malformed text is left
 * to `JSON.parse`.
 */
export function findHeaderFault(text: string): HeaderFault | undefined {
  const levels: Level[] = [];
  const fault = (problem: string, value: unknown): HeaderFault => ({
    problem,
    tensor: levels[1]?.key,
    value,
  });
  let lastString = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    const level = levels.at(-1);
    switch (character) {
      case '"': {
        const end = closingQuote(text, at);
        lastString = text.slice(at + 1, end);
        at = end;
        break;
      }
      case ':': {
        lastString = unescaped(lastString);
        if (level?.keys?.has(lastString)) return fault('the header has a name twice', lastString);
        level?.keys?.add(lastString);
        break;
      }
      case ',':
        if (level?.opener === '[' && ++level.commas >= MAX_DIMS)
          return fault(`more than ${MAX_DIMS} dimensions`, level.commas + 1);
        break;
      case '{':
      case '[':
        if (levels.length === MAX_DEPTH)
          return fault(`the header is nested deeper than ${MAX_DEPTH}`, character);
        levels.push({
          opener: character,
          key: lastString,
          keys: character === '{' ? new Set() : undefined,
          commas: 0,
        });
        break;
      case '}':
      case ']':
        if (levels.length === 2 && level!.key !== METADATA && (level!.keys?.size ?? 0) < TENSOR_KEYS)
          return fault('an entry needs dtype, shape and data_offsets', [...(level!.keys ?? [])]);
        levels.pop();
    }
  }
  return undefined;
}

/** Index of the closing quote of the string that opens at `start`, or the text's end. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

/** Two spellings of one name are one name. */
function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}
