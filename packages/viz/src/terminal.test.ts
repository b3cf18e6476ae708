import { describe, expect, it } from 'vitest';
import { filled, paste, sparkline, terminalCurve, terminalImage } from './index.js';

describe('terminal', () => {
  it('shows two pixels a character', () => {
    const image = filled(1, 3, [1, 2, 3]);
    paste(image, filled(1, 1, [9, 8, 7]), 0, 1);
    expect(terminalImage(image, 10)).toBe(
      '\u001b[38;2;1;2;3m\u001b[48;2;9;8;7m▀\u001b[0m\n\u001b[38;2;1;2;3m\u001b[49m▀\u001b[0m',
    );
  });

  it('reduces a wide image by averaging', () => {
    const image = filled(4, 2, [0, 0, 0]);
    paste(image, filled(2, 2, [100, 50, 10]), 1, 0);
    expect(terminalImage(image, 2)).toBe(`${'\u001b[38;2;50;25;5m\u001b[49m▀'.repeat(2)}\u001b[0m`);
    expect(() => terminalImage(image, 0)).toThrow('from 1 up, got 0');
  });

  it('draws sparklines', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([0, 2, 7, 7], 2)).toBe('▁█');
    expect(sparkline([1, Number.NaN, 3], 8)).toBe('▁ █');
    expect(sparkline([5, 5], 8)).toBe('▁▁');
    expect(sparkline([], 8)).toBe('');
  });

  it('draws curves in braille that hang together', () => {
    expect(terminalCurve([3, 2, 1], { width: 9, height: 2 })).toBe('3 │⠑⠢⣀⠀⠀⠀\n1 │⠀⠀⠀⠉⠢⢄');
    expect(terminalCurve([Number.NaN], { width: 9, height: 2 })).toBe('');
    expect(terminalCurve([1, 1], { width: 5, height: 1 })).toBe('1 │⣀⣀');
  });
});
