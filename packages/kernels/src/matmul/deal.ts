/** Where along an axis an invocation's pieces lie: at `first`, WGSL on `local`, plus a constant for each piece. */
export interface Share {
  readonly first: string;
  readonly offsets: readonly number[];
}

/**
 * Deal the cells of a grid to the invocations of a workgroup, neighbours along the first axis first: each invocation gets as
 * many as the others, at the same distances from its first one. All numbers are powers of two.
 */
export function deal(threads: number, axes: readonly number[]): Share[] {
  const cells = axes.reduce((product, size) => product * size, 1);
  const pieces = Array.from({ length: cells / threads }, (_, piece) => piece);
  let before = 1;
  return axes.map((size) => {
    const stride = before;
    before *= size;
    return {
      first: stride >= threads ? '0u' : `(local / ${stride}u % ${Math.min(size, threads / stride)}u)`,
      offsets: pieces.map((piece) => Math.floor((piece * threads) / stride) % size),
    };
  });
}
