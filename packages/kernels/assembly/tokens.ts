// Tokens are rows of `dim` floats. An id that is none of the tokens' reads nothing.

/** x [batch, tokens, dim], ids int32 [batch, count] → out [batch, count, dim]; NaN where an id is out of range. */
export function gatherTokens(
  x: usize,
  ids: usize,
  batch: i32,
  tokens: i32,
  count: i32,
  dim: i32,
  out: usize,
): void {
  const row = <usize>dim << 2;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < count; i++) {
      const id = load<u32>(ids);
      if (id < <u32>tokens) memory.copy(out, x + <usize>id * row, row);
      else memory.fill(out, 0xff, row);
      ids += 4;
      out += row;
    }
    x += <usize>tokens * row;
  }
}

/** visible [batch, keep, dim], fill [dim], ids int32 [batch, tokens] → out [batch, tokens, dim]; fill where ids >= keep. */
export function restoreTokens(
  visible: usize,
  fill: usize,
  ids: usize,
  batch: i32,
  tokens: i32,
  keep: i32,
  dim: i32,
  out: usize,
): void {
  const row = <usize>dim << 2;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < tokens; i++) {
      const id = load<u32>(ids);
      memory.copy(out, id < <u32>keep ? visible + <usize>id * row : fill, row);
      ids += 4;
      out += row;
    }
    visible += <usize>keep * row;
  }
}

/** x [batch, tokens, dim] → out [batch, count, dim], tokens begin … begin + count - 1 of each sample. */
export function takeTokens(
  x: usize,
  batch: i32,
  tokens: i32,
  begin: i32,
  count: i32,
  dim: i32,
  out: usize,
): void {
  const row = <usize>dim << 2;
  const taken = <usize>count * row;
  x += <usize>begin * row;
  for (let b = 0; b < batch; b++) {
    memory.copy(out, x, taken);
    x += <usize>tokens * row;
    out += taken;
  }
}
