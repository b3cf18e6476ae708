import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import {
  blobSource,
  bytesSource,
  decodeSafetensors,
  floatValues,
  type HostTensor,
  integerValues,
  loadTensor,
  openWeights,
  PickleError,
  WeightsError,
  type WeightsFile,
  ZipError,
} from '../index.js';

const fixture = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));
const open = (name: string): Promise<WeightsFile> => openWeights(bytesSource(fixture(name), name));

async function values(file: WeightsFile): Promise<Record<string, [string, readonly number[], number[]]>> {
  const out: Record<string, [string, readonly number[], number[]]> = {};
  for (const [name, source] of Object.entries(file.tensors)) {
    const tensor = await loadTensor(source);
    out[name] = [tensor.dtype, tensor.shape, numbers(tensor)];
  }
  return out;
}

function numbers(tensor: HostTensor): number[] {
  return /^B?F\d/.test(tensor.dtype) ? [...floatValues(tensor)] : integerValues(tensor);
}

describe('a file of torch.save', () => {
  it.each(['views.pth', 'views-legacy.pth'])('%s: views of storages come out row by row', async (name) => {
    expect(await values(await open(name))).toEqual({
      whole: ['F32', [3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
      transposed: ['F32', [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
      strided: ['F32', [3, 2], [0, 2, 4, 6, 8, 10]],
      row: ['F32', [4], [4, 5, 6, 7]],
      last: ['F32', [], [11]],
      expanded: ['F32', [2, 3], [7, 7, 7, 7, 7, 7]],
      permuted: [
        'F32',
        [4, 2, 3],
        [0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23],
      ],
      empty: ['F32', [0, 3], []],
      scalar: ['F32', [], [2.5]],
    });
  });

  it.each(['dtypes.pth', 'dtypes-legacy.pth', 'dtypes-protocol4.pth'])('%s: all dtypes', async (name) => {
    expect(await values(await open(name))).toEqual({
      float64: ['F64', [3], [0, 1, 3]],
      float32: ['F32', [3], [0, 1, 3]],
      float16: ['F16', [3], [0, 1, 3]],
      bfloat16: ['BF16', [3], [0, 1, 3]],
      int64: ['I64', [3], [0, 1, 3]],
      int32: ['I32', [3], [0, 1, 3]],
      int16: ['I16', [3], [0, 1, 3]],
      int8: ['I8', [3], [0, 1, 3]],
      uint8: ['U8', [3], [0, 1, 3]],
      bool: ['BOOL', [3], [0, 1, 1]],
    });
  });

  it('of a training script: weights without their wrapper, and its arguments as notes', async () => {
    const file = await open('checkpoint.pth');
    expect(file.format).toBe('torch zip');
    expect(await values(file)).toEqual({
      weight: ['F32', [2, 2], [0, 1, 2, 3]],
      bias: ['F32', [2], [-1, 0]],
    });
    expect({ ...file.notes }).toEqual({
      epoch: 399,
      'args.model': 'mae_vit_base_patch16',
      'args.norm_pix_loss': true,
      'args.input_size': 224,
      'args.lr': 1.5e-4,
      'args.world_size': 64,
      'args.output_dir': '/data/out',
      'args.device': 'cuda:0',
      'args.resume': '',
    });
  });

  it('of parameters, from a Blob', async () => {
    const file = await openWeights(blobSource(new Blob([fixture('parameters.pth')]), 'p.pth'));
    expect(Object.keys(file.tensors)).toEqual(['weight', 'bias']);
  });

  it('is not run: what is not on the list is named', async () => {
    await expect(open('evil.pth')).rejects.toThrow(PickleError);
    await expect(open('evil.pth')).rejects.toThrow(
      'evil.pth: it asks for something that is not on the list of inert values, and nothing of it is run, got "posix.system"',
    );
    await expect(open('module.pth')).rejects.toThrow('"torch.nn.modules.linear.Linear"');
    expect(existsSync('/tmp/pwned')).toBe(false);
  });

  it('of another kind is refused with a reason', async () => {
    await expect(open('program.pt')).rejects.toThrow('it is a TorchScript program; save the state_dict');
    const zip = (text: string) => openWeights(bytesSource(Buffer.from(text, 'latin1'), 'x.zip'));
    await expect(zip('PK\u0003\u0004 but not')).rejects.toThrow(ZipError);
    await expect(openWeights(bytesSource(Uint8Array.of(0x80, 2, 0x4b, 1, 0x2e), 'x.pkl'))).rejects.toThrow(
      'x.pkl: it is a pickle, but not one that torch.save wrote',
    );
    await expect(
      openWeights(bytesSource(fixture('views.pth').subarray(0, 2000), 'torn.pth')),
    ).rejects.toThrow('torn.pth: it has no directory at its end (truncated?), got 2000');
    await expect(
      openWeights(bytesSource(fixture('views-legacy.pth').subarray(0, 900), 'torn.pth')),
    ).rejects.toThrow(WeightsError);
  });
});

describe('a .pth of the reference', () => {
  it.for(['mae_a', 'mae_b'])('%s holds the tensors of its safetensors twin', async (name, context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip('no ../shared/parity beside the checkout');
    const bytes = readFileSync(join(folder, `${name}.pth`));
    const file = await openWeights(bytesSource(bytes, `${name}.pth`));
    const twin = decodeSafetensors(readFileSync(join(folder, `${name}.safetensors`)));
    expect({ ...file.notes }).toEqual({ epoch: 7 });
    expect(Object.keys(file.tensors).sort()).toEqual(Object.keys(twin.tensors).sort());
    for (const [tensor, source] of Object.entries(file.tensors))
      expect(await loadTensor(source)).toEqual(twin.tensors[tensor]);
  });
});
