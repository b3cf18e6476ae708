import { floatValues, loadTensor } from '@maehem/weights';
import { openModel } from '@maehem/weights/node';
import { type Comparison, compare } from './comparison.js';
import type { NamedHostTensors } from './tensors.js';

/** A `.pth` beside the same weights as safetensors: every tensor, bit by bit. */
export async function runTorchCase(
  name: string,
  path: string,
  twin: NamedHostTensors,
): Promise<Comparison[]> {
  const file = await openModel(path);
  const results: Comparison[] = [];
  for (const [tensor, expected] of twin) {
    const source = file.tensors[tensor];
    const actual = source === undefined ? [] : floatValues(await loadTensor(source));
    results.push(compare(name, tensor, 'exact', actual, floatValues(expected)));
  }
  await file.close();
  return results;
}
