import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './index.js';

const every = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const isNaN16 = (bits: number, exponent: number) =>
  (bits & exponent) === exponent && (bits & ~exponent & 0x7fff) !== 0;

describe('half precision', () => {
  it('gives all 65,536 float16 back', () => {
    const back = toFloat16(fromFloat16(every));
    for (const bits of every)
      if (isNaN16(bits, 0x7c00)) expect(isNaN16(back[bits]!, 0x7c00)).toBe(true);
      else if (back[bits] !== bits) expect.fail(`${bits} came back as ${back[bits]}`);
  });

  it('gives all 65,536 bfloat16 back', () => {
    const back = toBfloat16(fromBfloat16(every));
    for (const bits of every)
      if (isNaN16(bits, 0x7f80)) expect(isNaN16(back[bits]!, 0x7f80)).toBe(true);
      else if (back[bits] !== bits) expect.fail(`${bits} came back as ${back[bits]}`);
  });

  it('rounds to float16 as numpy 2.4 does', () => {
    const values = [
      1,
      65504,
      65519.8984375,
      65520,
      9.99999993922529e-9,
      2 ** -24,
      2 ** -25,
      2.980232594040899e-8,
      2 ** -14,
      6.097555160522461e-5,
      0.10000000149011612,
      0.3333333432674408,
      -2.000969886779785,
      2049,
      2051,
      -0,
      1.0000000116860974e-7,
      Number.POSITIVE_INFINITY,
    ];
    expect([...toFloat16(Float32Array.from(values))]).toEqual([
      15360, 31743, 31743, 31744, 0, 1, 0, 1, 1024, 1023, 11878, 13653, 49152, 26624, 26626, 32768, 2, 31744,
    ]);
  });

  it('rounds bfloat16 to nearest, ties to even', () => {
    const bits = Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0xff800000, 0x80000000);
    expect([...toBfloat16(new Float32Array(bits.buffer))]).toEqual([
      0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xff80, 0x8000,
    ]);
  });
});
