import { expect, it } from 'vitest';
import { encodeNpy } from './npy.js';

it('writes what numpy.save writes', () => {
  const bytes = encodeNpy(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  // np.save of np.arange(1, 7, dtype='<f4').reshape(2, 3)
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  expect([...bytes.subarray(0, 10)]).toEqual([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]);
  const text = new TextDecoder('latin1').decode(bytes.subarray(10, 128));
  expect(text.trimEnd()).toBe(header);
  expect(text.endsWith('\n')).toBe(true);
  expect(bytes.length).toBe(128 + 24);
  expect([...new Float32Array(bytes.slice(128).buffer)]).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new TextDecoder('latin1').decode(encodeNpy(Int32Array.of(7), [1]))).toContain(
    "'<i4', 'fortran_order': False, 'shape': (1,)",
  );
});
