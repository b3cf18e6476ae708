import { madd } from './simd';

// C = alpha op(A) op(B) + bias, float32, row-major with row strides. Blocked as in BLIS (Van Zee & van de
// Geijn 2015): a block of op(B) is packed into panels of 8 columns, a block of op(A) into panels of 5 rows,
// both zero-padded, and a 5x8 tile of C stays in registers. Packing reads exactly the matrices, and all
// padding lies in the scratch space, so that nothing past a tensor's end is touched.

const DEPTH: i32 = 192;
const ROWS: i32 = 120;
const COLUMNS: i32 = 512;

/** Rows of a panel of A, and of a tile. */
const HEIGHT: i32 = 5;

/** A 5x8 tile is written here first. */
const TILE_BYTES: usize = 160;

@inline function roundUp(n: i32, multiple: i32): i32 {
  return ((n + multiple - 1) / multiple) * multiple;
}

/** Bytes of scratch space that a product of this size needs. */
export function gemmScratchBytes(m: i32, n: i32, k: i32): usize {
  const depth = min(k, DEPTH);
  const a = min(roundUp(m, HEIGHT), ROWS) * depth;
  const b = min(roundUp(n, 8), COLUMNS) * depth;
  return (<usize>(a + b) << 2) + TILE_BYTES;
}

/** 4x4 block: rows at p, p + stride, ... → columns at q, q + qStride, ... */
@inline function transpose4(p: usize, stride: usize, q: usize, qStride: usize): void {
  const r0 = v128.load(p);
  const r1 = v128.load(p + stride);
  const r2 = v128.load(p + 2 * stride);
  const r3 = v128.load(p + 3 * stride);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(q, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
  v128.store(q + qStride, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
  v128.store(q + 2 * qStride, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5));
  v128.store(q + 3 * qStride, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
}

/**
 * Pack `count` lines that lie along rows of the source (each `depth` long) into a panel `width` wide, absent
 * ones as zeros: panel[k][line] = source[line][k].
 */
function packAcross(source: usize, stride: usize, count: i32, depth: i32, width: i32, panel: usize): void {
  const step = <usize>width << 2;
  let line = 0;
  for (; line + 4 <= min(count, width); line += 4) {
    let p = source + <usize>line * stride;
    let q = panel + (<usize>line << 2);
    let k = 0;
    for (; k + 4 <= depth; k += 4) {
      transpose4(p, stride, q, step);
      p += 16;
      q += 4 * step;
    }
    for (; k < depth; k++) {
      store<f32>(q, load<f32>(p), 0);
      store<f32>(q, load<f32>(p + stride), 4);
      store<f32>(q, load<f32>(p + 2 * stride), 8);
      store<f32>(q, load<f32>(p + 3 * stride), 12);
      p += 4;
      q += step;
    }
  }
  for (; line < width; line++) {
    let p = source + <usize>line * stride;
    let q = panel + (<usize>line << 2);
    if (line < count)
      for (let k = 0; k < depth; k++) {
        store<f32>(q, load<f32>(p));
        p += 4;
        q += step;
      }
    else
      for (let k = 0; k < depth; k++) {
        store<f32>(q, 0);
        q += step;
      }
  }
}

/** Pack lines that lie along columns of the source: panel[k][line] = source[k][line]. */
function packAlong(source: usize, stride: usize, count: i32, depth: i32, width: i32, panel: usize): void {
  const step = <usize>width << 2;
  if (count < width) {
    for (let k = 0; k < depth; k++) {
      for (let line = 0; line < width; line++)
        store<f32>(panel + (<usize>line << 2), line < count ? load<f32>(source + (<usize>line << 2)) : 0);
      source += stride;
      panel += step;
    }
  } else if (width == 8)
    for (let k = 0; k < depth; k++) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
      source += stride;
      panel += 32;
    }
  else
    for (let k = 0; k < depth; k++) {
      v128.store(panel, v128.load(source));
      store<f32>(panel, load<f32>(source, 16), 16);
      source += stride;
      panel += 20;
    }
}

/**
 * The sums of a 5x8 tile, written to `tile` (rows of 32 bytes). One step of k at a time, and nothing else in
 * this function: V8 moves all loads of a loop's body to its beginning, x64 has fifteen registers, and a spilled
 * sum costs half the speed. Of the shapes tried (4x8, 6x8, 3x12, 2x16, ...) this is the fastest.
 */
export function sums5x8(k: i32, a: usize, b: usize, tile: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const s0 = v128.load_splat<f32>(a);
    const s1 = v128.load_splat<f32>(a, 4);
    const s2 = v128.load_splat<f32>(a, 8);
    const s3 = v128.load_splat<f32>(a, 12);
    const s4 = v128.load_splat<f32>(a, 16);
    c00 = madd(s0, b0, c00);
    c01 = madd(s0, b1, c01);
    c10 = madd(s1, b0, c10);
    c11 = madd(s1, b1, c11);
    c20 = madd(s2, b0, c20);
    c21 = madd(s2, b1, c21);
    c30 = madd(s3, b0, c30);
    c31 = madd(s3, b1, c31);
    c40 = madd(s4, b0, c40);
    c41 = madd(s4, b1, c41);
    a += 20;
    b += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
  v128.store(tile, c40, 128);
  v128.store(tile, c41, 144);
}

/** The last four rows, or three; as {@link sums5x8}. */
export function sums4x8(k: i32, a: usize, b: usize, tile: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const s0 = v128.load_splat<f32>(a);
    const s1 = v128.load_splat<f32>(a, 4);
    const s2 = v128.load_splat<f32>(a, 8);
    const s3 = v128.load_splat<f32>(a, 12);
    c00 = madd(s0, b0, c00);
    c01 = madd(s0, b1, c01);
    c10 = madd(s1, b0, c10);
    c11 = madd(s1, b1, c11);
    c20 = madd(s2, b0, c20);
    c21 = madd(s2, b1, c21);
    c30 = madd(s3, b0, c30);
    c31 = madd(s3, b1, c31);
    a += 20;
    b += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
}

/** The last two rows; as {@link sums5x8}. */
export function sums2x8(k: i32, a: usize, b: usize, tile: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const s0 = v128.load_splat<f32>(a);
    const s1 = v128.load_splat<f32>(a, 4);
    c00 = madd(s0, b0, c00);
    c01 = madd(s0, b1, c01);
    c10 = madd(s1, b0, c10);
    c11 = madd(s1, b1, c11);
    a += 20;
    b += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
}

/** The last row: token counts are often a round number, plus the class token. As {@link sums5x8}. */
export function sums1x8(k: i32, a: usize, b: usize, tile: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let d0 = f32x4.splat(0);
  let d1 = f32x4.splat(0);
  while (k >= 2) {
    let s = v128.load_splat<f32>(a);
    c0 = madd(s, v128.load(b), c0);
    c1 = madd(s, v128.load(b, 16), c1);
    s = v128.load_splat<f32>(a, 20);
    d0 = madd(s, v128.load(b, 32), d0);
    d1 = madd(s, v128.load(b, 48), d1);
    a += 40;
    b += 64;
    k -= 2;
  }
  if (k > 0) {
    const s = v128.load_splat<f32>(a);
    c0 = madd(s, v128.load(b), c0);
    c1 = madd(s, v128.load(b, 16), c1);
  }
  v128.store(tile, f32x4.add(c0, d0));
  v128.store(tile, f32x4.add(c1, d1), 16);
}

/** Five rows by up to 4 columns; as {@link sums5x8}. */
export function sums5x4(k: i32, a: usize, b: usize, tile: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let c2 = f32x4.splat(0);
  let c3 = f32x4.splat(0);
  let c4 = f32x4.splat(0);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    c0 = madd(v128.load_splat<f32>(a), b0, c0);
    c1 = madd(v128.load_splat<f32>(a, 4), b0, c1);
    c2 = madd(v128.load_splat<f32>(a, 8), b0, c2);
    c3 = madd(v128.load_splat<f32>(a, 12), b0, c3);
    c4 = madd(v128.load_splat<f32>(a, 16), b0, c4);
    a += 20;
    b += 32;
  }
  v128.store(tile, c0);
  v128.store(tile, c1, 32);
  v128.store(tile, c2, 64);
  v128.store(tile, c3, 96);
  v128.store(tile, c4, 128);
}

/**
 * Scale a tile and write what of it exists to C. `from` is where each row's starting values are: C itself
 * (`fromStride` = `cStride`), the bias (stride 0), or 0 for none.
 */
function writeTile(
  rows: i32,
  columns: i32,
  tile: usize,
  c: usize,
  cStride: usize,
  alpha: f32,
  from: usize,
  fromStride: usize,
): void {
  if (columns < 8) {
    for (; rows > 0; rows--) {
      for (let j: usize = 0; j < <usize>columns << 2; j += 4) {
        const start = from != 0 ? load<f32>(from + j) : <f32>0;
        store<f32>(c + j, load<f32>(tile + j) * alpha + start);
      }
      tile += 32;
      c += cStride;
      from += fromStride;
    }
    return;
  }
  const scale = f32x4.splat(alpha);
  if (from == 0)
    for (; rows > 0; rows--) {
      v128.store(c, f32x4.mul(v128.load(tile), scale));
      v128.store(c, f32x4.mul(v128.load(tile, 16), scale), 16);
      tile += 32;
      c += cStride;
    }
  else
    for (; rows > 0; rows--) {
      v128.store(c, madd(v128.load(tile), scale, v128.load(from)));
      v128.store(c, madd(v128.load(tile, 16), scale, v128.load(from, 16)), 16);
      tile += 32;
      c += cStride;
      from += fromStride;
    }
}

/**
 * C [m, n] = alpha op(A) [m, k] op(B) [k, n] + bias.
 * @param aT A is stored [k, m]; `bT`: B is stored [n, k]
 * @param lda, ldb, ldc floats from one stored row to the next
 * @param bias [n], or 0 for none
 * @param scratch {@link gemmScratchBytes}
 */
export function gemm(
  aT: bool,
  bT: bool,
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  a: usize,
  lda: i32,
  b: usize,
  ldb: i32,
  c: usize,
  ldc: i32,
  bias: usize,
  scratch: usize,
): void {
  const aStride = <usize>lda << 2;
  const bStride = <usize>ldb << 2;
  const cStride = <usize>ldc << 2;
  const tile = scratch;
  const packedA = scratch + TILE_BYTES;
  const packedB = packedA + (<usize>(min(roundUp(m, HEIGHT), ROWS) * min(k, DEPTH)) << 2);
  for (let k0 = 0; k0 < k; k0 += DEPTH) {
    const depth = min(DEPTH, k - k0);
    for (let j0 = 0; j0 < n; j0 += COLUMNS) {
      const columns = min(COLUMNS, n - j0);
      for (let j = 0; j < columns; j += 8) {
        const panel = packedB + (<usize>(j * depth) << 2);
        if (bT) packAcross(b + <usize>(j0 + j) * bStride + (<usize>k0 << 2), bStride, columns - j, depth, 8, panel);
        else packAlong(b + <usize>k0 * bStride + (<usize>(j0 + j) << 2), bStride, columns - j, depth, 8, panel);
      }
      for (let i0 = 0; i0 < m; i0 += ROWS) {
        const rows = min(ROWS, m - i0);
        for (let i = 0; i < rows; i += HEIGHT) {
          const panel = packedA + (<usize>(i * depth) << 2);
          if (aT) packAlong(a + <usize>k0 * aStride + (<usize>(i0 + i) << 2), aStride, rows - i, depth, HEIGHT, panel);
          else packAcross(a + <usize>(i0 + i) * aStride + (<usize>k0 << 2), aStride, rows - i, depth, HEIGHT, panel);
        }
        for (let j = 0; j < columns; j += 8) {
          const bPanel = packedB + (<usize>(j * depth) << 2);
          const column = <usize>(j0 + j) << 2;
          for (let i = 0; i < rows; i += HEIGHT) {
            const aPanel = packedA + (<usize>(i * depth) << 2);
            const out = c + <usize>(i0 + i) * cStride + column;
            const from = k0 > 0 ? out : bias != 0 ? bias + column : 0;
            const fromStride = k0 > 0 ? cStride : 0;
            const high = min(HEIGHT, rows - i);
            const wide = min(8, columns - j);
            if (wide <= 4) sums5x4(depth, aPanel, bPanel, tile);
            else if (high == 5) sums5x8(depth, aPanel, bPanel, tile);
            else if (high > 2) sums4x8(depth, aPanel, bPanel, tile);
            else if (high == 2) sums2x8(depth, aPanel, bPanel, tile);
            else sums1x8(depth, aPanel, bPanel, tile);
            writeTile(high, wide, tile, out, cStride, alpha, from, fromStride);
          }
        }
      }
    }
  }
}
