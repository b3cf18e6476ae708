import { parseSettings } from '@maehem/settings';
import { describe, expect, it } from 'vitest';
import { engineToCome } from '../trainer/offers.js';
import type { EngineOffer } from '../trainer/protocol.js';
import { memoryWarnings } from './memory-warnings.js';

const MIB = 2 ** 20;
const wasm: EngineOffer = { name: 'wasm', refusal: undefined, passedOver: undefined, withoutHalf: undefined };
const phone: EngineOffer = {
  ...{ name: 'webgpu', refusal: undefined, passedOver: undefined, withoutHalf: undefined },
  limits: { maxBufferSize: 256 * MIB, maxStorageBufferBindingSize: 128 * MIB },
};

function warnings(offer: EngineOffer | undefined, batch: number, preset = 'vit-b', more: object = {}) {
  return memoryWarnings(parseSettings({ data: 'x', model: { preset }, batch, ...more }), offer);
}

describe('memory warnings', () => {
  it("compare the largest tensor with the adapter's own limits, and say what would fit", () => {
    // ViT-B/16 at 224: the MLP's hidden layer of 49 + 1 visible tokens is 50 x 3072; the decoder's, 197 x 2048, is larger.
    const perImage = 197 * 2048 * 4;
    const fits = Math.floor((128 * MIB) / perImage);
    expect(warnings(phone, fits).join()).not.toContain('largest tensor');
    const [tensor] = warnings(phone, 2 * fits);
    expect(tensor).toMatch(
      /^Its largest tensor has \d+ MB; this adapter takes 134 MB at once \(maxStorageBufferBindingSize 134 MB, maxBufferSize 268 MB\)\./,
    );
    expect(tensor).toContain(`A batch of ${fits} would fit`);
    const wide = { ...phone, limits: { maxBufferSize: 64 * MIB, maxStorageBufferBindingSize: 128 * MIB } };
    expect(warnings(wide, fits)[0]).toContain('takes 67 MB at once');
  });

  it('know that WebAssembly holds 2 GB an engine, and that threads share a batch', () => {
    expect(warnings(wasm, 64, 'small')).toEqual([]);
    const words = /^About \d+\.\d GB on one engine; WebAssembly holds 2\.1 GB\. A batch of (\d+) would fit/;
    const fits = Number(words.exec(warnings(wasm, 64)[0]!)![1]);
    expect(warnings(wasm, fits)).toEqual([]);
    expect(warnings(wasm, fits + 1)).toHaveLength(1);
    const shared = Number(words.exec(warnings(wasm, 64, 'vit-b', { threads: 4 })[0]!)![1]);
    expect(shared).toBe(4 * fits);
    expect(warnings(wasm, 2 * fits, 'vit-b', { recompute: 'all' })).toEqual([]);
  });

  it('advise a smaller model where a batch of one is too much', () => {
    expect(warnings(wasm, 1, 'vit-h')[0]).toContain('Choose a smaller model');
  });

  it('are those of the engine that automatic takes', () => {
    const software = { ...phone, passedOver: 'computes on the CPU' };
    expect(engineToCome('auto', [software, wasm])).toBe(wasm);
    expect(engineToCome('webgpu', [software, wasm])).toBe(software);
    expect(engineToCome('auto', [])).toBeUndefined();
  });
});
