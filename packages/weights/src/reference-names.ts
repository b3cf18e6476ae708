import { isNode, type MapLeaves } from '@maehem/tree';
import type { Named } from './host-tensor.js';

/**
 * Any leaf with a shape: a spec, a host tensor, a tfjs tensor. Unlike `@maehem/tree`, which takes a plain object
 * for a container, this module takes everything with a `shape` for a leaf.
 */
export interface Shaped {
  readonly shape: readonly number[];
}

/** A name that both sides have, with different shapes. */
export interface ReshapedName {
  readonly name: string;
  readonly expected: readonly number[];
  readonly found: readonly number[];
}

/** How the names of a checkpoint differ from those of a tree. */
export interface NameReport {
  /** In the tree only. */
  readonly missing: readonly string[];
  /** In the checkpoint only. */
  readonly unexpected: readonly string[];
  /** In both, of different shapes. */
  readonly reshaped: readonly ReshapedName[];
}

/** A checkpoint of another architecture. The message lists the first 10 differences; `report` has them all. */
export class TensorMismatchError extends Error {
  override readonly name = 'TensorMismatchError';
  readonly report: NameReport;

  constructor(file: string, report: NameReport) {
    super(describe(file, report));
    this.report = report;
  }
}

/**
 * The leaves of a param tree by the reference checkpoint's names (`blocks.0.attn.qkv.weight`, `cls_token`).
 * The trees' keys are those names already, so a name is a leaf's dotted path.
 */
export function nameTensors<Leaf extends Shaped>(tree: object): Named<Leaf> {
  const named: [string, Leaf][] = [];
  mapShaped(tree, '', (leaf, path) => named.push([path, leaf as Leaf]));
  return Object.fromEntries(named);
}

/**
 * Build a tree like `template` from named tensors.
 * @param template a tree whose leaves say the shapes to expect.
 * @param named tensors by the reference's names, as `decodeSafetensors` returns them.
 * @param convert makes the new tree's leaf of a tensor: an upload to the backend, say.
 * @param options `strict` (default true): every name of either side must be on the other, with the same shape.
 *   Else a leaf that is missing or of another shape keeps the template's leaf, and the report says which.
 *   `file` names the checkpoint in errors.
 * @returns the tree, and what differed.
 * @throws TensorMismatchError in strict mode, listing which tensors differ and how; nothing is converted then.
 */
export function loadIntoTree<T extends object, Found extends Shaped, Out>(
  template: T,
  named: Named<Found>,
  convert: (found: Found, name: string) => Out,
  options?: { readonly strict?: true; readonly file?: string },
): { tree: MapLeaves<T, Shaped, Out>; report: NameReport };
export function loadIntoTree<T extends object, Found extends Shaped, Out>(
  template: T,
  named: Named<Found>,
  convert: (found: Found, name: string) => Out,
  options: { readonly strict: boolean; readonly file?: string },
): { tree: MapLeaves<T, Shaped, Out | Shaped>; report: NameReport };
export function loadIntoTree<T extends object, Found extends Shaped, Out>(
  template: T,
  named: Named<Found>,
  convert: (found: Found, name: string) => Out,
  { strict = true, file = 'the checkpoint' }: { readonly strict?: boolean; readonly file?: string } = {},
): { tree: MapLeaves<T, Shaped, Out | Shaped>; report: NameReport } {
  const expected = nameTensors(template);
  const report = compareNames(expected, named);
  if (strict) assertSameNames(expected, named, file);
  const reshaped = new Set(report.reshaped.map(({ name }) => name));
  const tree = mapShaped(template, '', (leaf, name) =>
    Object.hasOwn(named, name) && !reshaped.has(name) ? convert(named[name]!, name) : leaf,
  );
  return { tree: tree as MapLeaves<T, Shaped, Out | Shaped>, report };
}

function isShaped(value: unknown): value is Shaped {
  return typeof value === 'object' && value !== null && Array.isArray((value as Partial<Shaped>).shape);
}

/** The same structure with each leaf replaced; absent (`undefined`) entries stay absent. */
function mapShaped(node: unknown, path: string, fn: (leaf: Shaped, path: string) => unknown): unknown {
  if (isShaped(node)) return fn(node, path);
  if (!isNode(node))
    throw new TypeError(`${path || 'the tree'} is neither a tensor nor a container: ${node}`);
  const at = (name: string | number) => (path === '' ? `${name}` : `${path}.${name}`);
  if (Array.isArray(node)) return node.map((child, index) => mapShaped(child, at(index), fn));
  return Object.fromEntries(
    Object.entries(node)
      .filter(([, child]) => child !== undefined)
      .map(([name, child]) => [name, mapShaped(child, at(name), fn)]),
  );
}

/**
 * @param file where the tensors come from, for the error.
 * @throws TensorMismatchError unless both sides have the same names with the same shapes.
 */
export function assertSameNames(expected: Named<Shaped>, found: Named<Shaped>, file: string): void {
  const report = compareNames(expected, found);
  if (report.missing.length + report.unexpected.length + report.reshaped.length > 0)
    throw new TensorMismatchError(file, report);
}

/** Compare the names and shapes that are expected with those that are there. */
export function compareNames(expected: Named<Shaped>, found: Named<Shaped>): NameReport {
  const names = Object.keys(expected);
  return {
    missing: names.filter((name) => !Object.hasOwn(found, name)),
    unexpected: Object.keys(found).filter((name) => !Object.hasOwn(expected, name)),
    reshaped: names
      .filter((name) => Object.hasOwn(found, name) && !sameShape(expected[name]!.shape, found[name]!.shape))
      .map((name) => ({ name, expected: expected[name]!.shape, found: found[name]!.shape })),
  };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, index) => dim === b[index]);
}

function describe(file: string, { missing, unexpected, reshaped }: NameReport): string {
  const lines = [
    ...reshaped.map(({ name, expected, found }) => `${name}: expected [${expected}], found [${found}]`),
    ...missing.map((name) => `${name}: missing`),
    ...unexpected.map((name) => `${name}: unexpected`),
  ];
  const shown = lines.slice(0, 10).map((line) => `\n  ${line}`);
  const rest = lines.length > 10 ? `\n  and ${lines.length - 10} more` : '';
  return (
    `${file} is of another architecture: ${reshaped.length} tensors have another shape, ` +
    `${missing.length} are missing, ${unexpected.length} are unexpected${shown.join('')}${rest}`
  );
}
