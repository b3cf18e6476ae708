import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDecoder } from '@maehem/mae';
import { bits, fold, seed } from '@maehem/random';
import { parseStudy, variantId } from '@maehem/settings';
import { readMetrics } from '@maehem/train/node';
import { encodePng } from '@maehem/viz';
import { readSafetensors, writeSafetensors } from '@maehem/weights/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeReport } from './ablation/report.js';
import { runStudy } from './ablation/run-study.js';
import { convertCommand } from './commands/convert.js';
import { featuresCommand } from './commands/features.js';
import { probeCommand } from './commands/probe.js';
import { runFinetuning } from './finetuning.js';
import { checkpointsOf, runPretraining } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'maehem-evaluation-'));
const data = join(folder, 'data');
const MODEL = {
  ...{ preset: 'small', imageSize: 16, dim: 24, depth: 2, heads: 2 },
  ...{ decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
};
const common = { data, backend: 'cpu', batch: 4 };
const quiet = { update: () => {}, note: () => {}, stop: () => {} };

/** Images of one brightness a class, with noise. */
function writeImages(into: string, count: number): void {
  for (const [label, name] of ['dark', 'light'].entries()) {
    mkdirSync(join(into, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const noise = bits(fold(fold(seed(label), into.length), i), 16 * 16 * 4);
      const pixels = Uint8ClampedArray.from(noise, (word, at) =>
        at % 4 === 3 ? 255 : label * 150 + (word & 63),
      );
      writeFileSync(join(into, name, `${i}.png`), encodePng({ width: 16, height: 16, data: pixels }));
    }
  }
}

const weightsOf = (run: string, file = 'model.safetensors') => {
  const newest = readdirSync(checkpointsOf(run)).sort().pop()!;
  return readFileSync(join(checkpointsOf(run), newest, file));
};

beforeAll(async () => {
  writeImages(join(data, 'train'), 8);
  writeImages(join(data, 'test'), 5);
  await runPretraining(
    { ...common, out: join(folder, 'pretrained'), model: MODEL, epochs: 1, optimizer: { warmupEpochs: 0 } },
    { resume: false },
  );
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('fine-tuning', () => {
  const settings = {
    ...{ ...common, from: join(folder, 'pretrained'), epochs: 3, ema: 0.5 },
    ...{ optimizer: { baseLr: 0.1, warmupEpochs: 0 }, augment: { minScale: 0.6, erasing: 0 } },
  };

  it('leaves checkpoints, averages, evaluations and a result, and learns', async () => {
    const out = join(folder, 'finetuned');
    const { test, interrupted, config } = await runFinetuning(
      { ...settings, out },
      { resume: false, progress: quiet },
    );
    expect(interrupted).toBe(false);
    expect(config.model).toMatchObject({ classes: 2, dim: 24, depth: 2, pooling: 'mean' });
    expect(test).toMatchObject({ images: 10, accuracy: 1 });
    expect(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))).toEqual({ test });
    const evaluations = await readMetrics(join(out, 'evaluations.jsonl'));
    expect(evaluations.map(({ step }) => step)).toEqual([4, 8, 12]);
    expect(weightsOf(out, 'model_ema.safetensors').length).toBe(weightsOf(out).length);
    expect(existsSync(join(out, 'loss.svg'))).toBe(true);
  }, 60_000);

  it('goes on to the same weights, to the bit', async () => {
    const out = join(folder, 'halved');
    // A run over one epoch of three, made by stopping after its checkpoint: the process gets a signal.
    const stop = {
      ...quiet,
      update: ({ step }: { step: number }) => void (step === 5 && process.emit('SIGTERM')),
    };
    const first = await runFinetuning({ ...settings, out }, { resume: false, progress: stop });
    expect(first.interrupted).toBe(true);
    expect(existsSync(join(out, 'result.json'))).toBe(false);
    await runFinetuning({ out }, { resume: true, progress: quiet });
    for (const file of ['model.safetensors', 'model_ema.safetensors'])
      expect(weightsOf(out, file).equals(weightsOf(join(folder, 'finetuned'), file))).toBe(true);
  }, 60_000);

  it('says what does not fit', async () => {
    const run = (changes: object) =>
      runFinetuning(
        { ...settings, out: join(folder, 'bad'), ...changes },
        { resume: false, progress: quiet },
      );
    await expect(run({ tunedBlocks: 3 })).rejects.toThrow("from 0 to 2, the encoder's depth, got 3");
    await expect(run({ model: { dim: 48 } })).rejects.toThrow('model.dim are those of the checkpoint');
    await expect(run({ from: join(folder, 'nowhere') })).rejects.toThrow(
      'no such file or folder to start from',
    );
    await expect(run({ typo: 1 })).rejects.toThrow('typo');
    await expect(run({ data: join(data, 'train') })).rejects.toThrow('has no test split');
  });
});

describe('a resumed run', () => {
  it('wants the images that it trained on, unless told otherwise', async () => {
    const images = join(folder, 'changing');
    writeImages(join(images, 'train'), 8);
    writeImages(join(images, 'test'), 2);
    const out = join(folder, 'changed');
    const settings = { ...common, data: images, out, model: MODEL, epochs: 1 };
    await runPretraining({ ...settings, optimizer: { warmupEpochs: 0 } }, { resume: false });
    await runPretraining({ out }, { resume: true });
    renameSync(join(images, 'train', 'dark', '0.png'), join(images, 'train', 'light', '00.png'));
    const expected =
      /trained on \(16 images, [0-9a-f]{8} then, 16 images, [0-9a-f]{8} now\): bring those back/;
    await expect(runPretraining({ out }, { resume: true })).rejects.toThrow(expected);
    await runPretraining({ out }, { resume: true, allowChangedData: true });
    await runPretraining({ out }, { resume: true });
  }, 60_000);
});

describe('features', () => {
  it('are written for every image, with labels, and drawn', async () => {
    const out = join(folder, 'features.safetensors');
    const pictures = join(folder, 'pictures');
    const args = [join(folder, 'pretrained'), data, '--out', out, '--pictures', pictures, '--backend', 'cpu'];
    await featuresCommand().parseAsync(args, { from: 'user' });
    const { tensors } = await readSafetensors(out);
    expect(tensors['features']!.shape).toEqual([10, 24]);
    expect([...(tensors['labels']!.data as Int32Array)]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(readdirSync(pictures).sort()).toEqual(['attention.png', 'pca.png']);
  });

  it('want somewhere to go', async () => {
    const command = (...args: string[]) =>
      featuresCommand().parseAsync(['x', data, ...args], { from: 'user' });
    await expect(command()).rejects.toThrow('nothing to write');
    await expect(command('--out', 'features.csv')).rejects.toThrow('written as .safetensors or .npy');
  });
});

describe('probes', () => {
  /** What `maehem probe` prints as JSON. */
  async function probe(...args: string[]) {
    let written = '';
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written += text;
      return true;
    });
    const given = [...args, '--backend', 'cpu', '--json', '--no-baseline'];
    try {
      await probeCommand().parseAsync(given, { from: 'user' });
    } finally {
      spy.mockRestore();
    }
    return JSON.parse(written) as { pretrained: { linear: { accuracy: number; loss: number } } };
  }

  const model = () => join(checkpointsOf(join(folder, 'pretrained')), 'step-00000004', 'model.safetensors');
  const convert = (name: string, ...args: string[]) =>
    convertCommand().parseAsync(
      [model(), join(folder, name), '--heads', '2', '--decoder-heads', '2', ...args],
      { from: 'user' },
    );

  it('give the same figures for a run and for its weights in any format', async () => {
    const expected = await probe(join(folder, 'pretrained'));
    await convert('weights.pth');
    await convert('hugging-face', '--to', 'hf');
    for (const path of [model(), join(folder, 'weights.pth'), join(folder, 'hugging-face')]) {
      const { pretrained } = await probe(path, data, '--heads', '2', '--normalise', 'cifar10');
      expect(pretrained).toEqual(expected.pretrained);
    }
  }, 60_000);

  it('take a fine-tuned classifier, too', async () => {
    const { pretrained } = await probe(join(folder, 'finetuned'), data);
    expect(pretrained.linear.accuracy).toBe(1);
  }, 60_000);

  it('say what is missing', async () => {
    await expect(probe(model(), '--heads', '2')).rejects.toThrow('name labelled ones, too');
    const partial = probe(model(), data, '--heads', '2', '--method', 'partial');
    await expect(partial).rejects.toThrow('say where to keep runs of partial tuning (--out)');
    const { tensors } = await readSafetensors(model());
    const decoder = Object.fromEntries(Object.entries(tensors).filter(([name]) => isDecoder(name)));
    const file = join(folder, 'decoder.safetensors');
    await writeSafetensors(file, decoder);
    await expect(probe(file, data)).rejects.toThrow(
      'the decoder of a masked autoencoder without its encoder',
    );
    const { 'blocks.1.attn.qkv.weight': _missing, ...others } = tensors;
    await writeSafetensors(file, others);
    await expect(probe(file, data, '--heads', '2')).rejects.toThrow('blocks.1.attn.qkv.weight');
  }, 60_000);
});

describe('a study', () => {
  const study = parseStudy({
    ...{ data, backend: 'cpu', out: join(folder, 'study'), seeds: [0, 1] },
    pretrain: { model: MODEL, batch: 4, epochs: 1, trainImages: 12, optimizer: { warmupEpochs: 0 } },
    finetune: {
      ...{ batch: 4, epochs: 1, trainImages: 8, optimizer: { warmupEpochs: 0 } },
      augment: { erasing: 0, randAugment: null },
    },
    ...{ probe: { methods: ['linear'], trainImages: 8 }, partial: [0.5] },
    scratch: [{ name: 'scratch', sameCompute: true }],
    tables: [
      {
        name: 'Target',
        variants: [
          { name: 'all', paper: { linear: 73.5 } },
          { name: 'pca', pretrain: { target: 'pca' }, paper: { linear: 72.3 } },
        ],
      },
    ],
  });

  it('judges each variant once for each seed, keeps what is done, and reports', async () => {
    const parts: string[] = [];
    let calls = 0;
    const results = await runStudy(
      study,
      (part) => parts.push(part),
      async () => {
        calls++;
      },
    );
    expect(parts).toEqual(
      [0, 1].flatMap((n) =>
        ['default', 'target-pca', 'untrained', 'scratch'].map((name) => `${name}, seed ${n}`),
      ),
    );
    expect(calls).toBe(8);
    expect(Object.keys(results['default']![0]!)).toEqual(['linear', 'partial 0.5', 'fine-tuning']);
    expect(Object.keys(results[variantId(study.tables[0]!.variants[1]!)]![1]!)).toEqual(['linear']);
    expect(Object.keys(results['untrained']![1]!)).toEqual(['linear', 'partial 0.5']);
    const again = await runStudy(
      study,
      () => {},
      async () => {},
    );
    expect(again).toEqual(results);
    const page = readFileSync(await writeReport(study, results), 'utf8');
    expect(page).toContain('scratch');
    expect(page).toContain('72.3');
  }, 120_000);
});
