import { highDoubles, lowDoubles } from './simd';

/** Rows that are summed in float32 before the sum goes to float64. */
const RUN: i32 = 16;

/** out[j] = sum over rows of x[row][j], x [rows, columns]: runs of rows in float32, their sums in float64. */
export function columnSums(x: usize, rows: i32, columns: i32, out: usize): void {
  const stride = (<usize>columns) << 2;
  let j = 0;
  for (; j + 4 <= columns; j += 4) {
    let p = x + ((<usize>j) << 2);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let row = 0; row < rows; row += RUN) {
      let sum = f32x4.splat(0);
      const end = min(rows, row + RUN);
      for (let r = row; r < end; r++) {
        sum = f32x4.add(sum, v128.load(p));
        p += stride;
      }
      low = f64x2.add(low, lowDoubles(sum));
      high = f64x2.add(high, highDoubles(sum));
    }
    const q = out + ((<usize>j) << 2);
    store<f32>(q, <f32>f64x2.extract_lane(low, 0), 0);
    store<f32>(q, <f32>f64x2.extract_lane(low, 1), 4);
    store<f32>(q, <f32>f64x2.extract_lane(high, 0), 8);
    store<f32>(q, <f32>f64x2.extract_lane(high, 1), 12);
  }
  for (; j < columns; j++) {
    let p = x + ((<usize>j) << 2);
    let sum: f64 = 0;
    for (let row = 0; row < rows; row++) {
      sum += load<f32>(p);
      p += stride;
    }
    store<f32>(out + ((<usize>j) << 2), <f32>sum);
  }
}
