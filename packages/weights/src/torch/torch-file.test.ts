import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { bytesSource, decodeSafetensors, loadTensor, openWeights } from '../index.js';

describe('a .pth of the reference', () => {
  it.each(['mae_a', 'mae_b'])('%s holds the tensors of its safetensors twin', async (name) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return;
    const bytes = readFileSync(join(folder, `${name}.pth`));
    const file = await openWeights(bytesSource(bytes, `${name}.pth`));
    const twin = decodeSafetensors(readFileSync(join(folder, `${name}.safetensors`)));
    expect(file.format).toBe('torch zip');
    expect({ ...file.notes }).toEqual({ epoch: 7 });
    expect(Object.keys(file.tensors).sort()).toEqual(Object.keys(twin.tensors).sort());
    for (const [tensor, source] of Object.entries(file.tensors))
      expect(await loadTensor(source)).toEqual(twin.tensors[tensor]);
  });
});
