/**
 * A param tree: plain nested objects and arrays with leaves of one kind at the ends.
 * Objects are walked in insertion order, arrays by index, so that two trees built by the same code
 * flatten alike. `undefined` entries are absent: they are skipped and kept absent.
 */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [name: string]: Tree<Leaf> | undefined };

/** The same structure as `T`, with every leaf of type `From` replaced by `To`. */
export type MapLeaves<T, From, To> = T extends From
  ? To
  : T extends object
    ? { readonly [K in keyof T]: MapLeaves<T[K], From, To> }
    : T;

/** `[path, leaf]`, the path dotted as in a PyTorch state dict: `blocks.0.attn.qkv.weight`. */
export type Entry<Leaf> = readonly [path: string, leaf: Leaf];

/**
 * Is this node a container (plain object or array) rather than a leaf?
 * Class instances such as tensors and typed arrays, and primitives, are leaves.
 */
export function isNode(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function children(node: object): [string, unknown][] {
  return Object.entries(node).filter(([, child]) => child !== undefined);
}

function walk(node: unknown, path: string, visit: (path: string, leaf: unknown) => void): void {
  if (!isNode(node)) return visit(path, node);
  for (const [name, child] of children(node)) walk(child, path === '' ? name : `${path}.${name}`, visit);
}

/** All leaves with their dotted paths, in the order of the tree. A bare leaf has the path `''`. */
export function entries<Leaf>(tree: Tree<Leaf>): Entry<Leaf>[] {
  const out: Entry<Leaf>[] = [];
  walk(tree, '', (path, leaf) => out.push([path, leaf as Leaf]));
  return out;
}

/** All leaves, in the order of the tree. */
export function leaves<Leaf>(tree: Tree<Leaf>): Leaf[] {
  return entries(tree).map(([, leaf]) => leaf);
}

/** All dotted paths, in the order of the tree. */
export function paths(tree: Tree<unknown>): string[] {
  return entries(tree).map(([path]) => path);
}

/** A new tree of the same structure, each leaf replaced by `fn(leaf, path)`. */
export function map<Leaf, Out, T extends Tree<Leaf> = Tree<Leaf>>(
  tree: T,
  fn: (leaf: Leaf, path: string) => Out,
): MapLeaves<T, Leaf, Out> {
  const rebuild = (node: unknown, path: string): unknown => {
    if (!isNode(node)) return fn(node as Leaf, path);
    const at = (name: string | number) => (path === '' ? `${name}` : `${path}.${name}`);
    if (Array.isArray(node)) return node.map((child, index) => rebuild(child, at(index)));
    return Object.fromEntries(children(node).map(([name, child]) => [name, rebuild(child, at(name))]));
  };
  return rebuild(tree, '') as MapLeaves<T, Leaf, Out>;
}

/**
 * Walk two trees of one structure together: `fn(a, b, path)` for each pair of leaves.
 * @throws when a path is in one tree only; the message lists the paths that differ.
 */
export function zip<A, B, Out, T extends Tree<A> = Tree<A>>(
  a: T,
  b: Tree<B>,
  fn: (a: A, b: B, path: string) => Out,
): MapLeaves<T, A, Out> {
  const other = new Map(entries<B>(b));
  assertSamePaths(paths(a), [...other.keys()]);
  return map<A, Out, T>(a, (leaf, path) => fn(leaf, other.get(path) as B, path));
}

/** @throws an error that lists what is missing and what is unexpected, when the two lists of paths differ. */
export function assertSamePaths(expected: readonly string[], actual: readonly string[]): void {
  const have = new Set(actual);
  const want = new Set(expected);
  const missing = expected.filter((path) => !have.has(path));
  const unexpected = actual.filter((path) => !want.has(path));
  if (missing.length === 0 && unexpected.length === 0) return;
  throw new Error(`trees differ: missing ${list(missing)}; unexpected ${list(unexpected)}`);
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** Leaves in order, and the function that puts a list of the same length back into the structure. */
export function flatten<Leaf, T extends Tree<Leaf> = Tree<Leaf>>(
  tree: T,
): { leaves: Leaf[]; unflatten: <Out>(leaves: readonly Out[]) => MapLeaves<T, Leaf, Out> } {
  const flat = leaves<Leaf>(tree);
  const unflatten = <Out>(values: readonly Out[]): MapLeaves<T, Leaf, Out> => {
    if (values.length !== flat.length)
      throw new Error(
        `unflatten: the tree has ${flat.length} leaves, but ${values.length} values were given`,
      );
    let next = 0;
    return map<Leaf, Out, T>(tree, () => values[next++] as Out);
  };
  return { leaves: flat, unflatten };
}

/** Split the leaves by a predicate on `(path, leaf)`: two maps from dotted path to leaf. */
export function partition<Leaf>(
  tree: Tree<Leaf>,
  predicate: (path: string, leaf: Leaf) => boolean,
): { matching: Map<string, Leaf>; rest: Map<string, Leaf> } {
  const matching = new Map<string, Leaf>();
  const rest = new Map<string, Leaf>();
  for (const [path, leaf] of entries(tree)) (predicate(path, leaf) ? matching : rest).set(path, leaf);
  return { matching, rest };
}

/**
 * The tree of these leaves: the inverse of {@link entries}. Names that count 0, 1, 2, … become an array.
 * @throws when a path is both a leaf and a container.
 */
export function fromEntries<Leaf>(list: Iterable<Entry<Leaf>>): Tree<Leaf> {
  const root = new Map<string, unknown>();
  for (const [path, leaf] of list) {
    const names = path.split('.');
    let node = root;
    for (const name of names.slice(0, -1)) {
      const child = node.get(name) ?? new Map<string, unknown>();
      if (!(child instanceof Map)) throw new Error(`fromEntries: ${path} lies below a leaf`);
      node.set(name, child);
      node = child;
    }
    const last = names[names.length - 1]!;
    if (node.has(last)) throw new Error(`fromEntries: ${path} is given twice, or is a container`);
    node.set(last, leaf);
  }
  return toPlain(root) as Tree<Leaf>;
}

function toPlain(node: unknown): unknown {
  if (!(node instanceof Map)) return node;
  const names = [...node.keys()] as string[];
  const isList = names.length > 0 && names.every((name) => /^\d+$/.test(name) && Number(name) < names.length);
  if (isList) return Array.from({ length: names.length }, (_, index) => toPlain(node.get(`${index}`)));
  return Object.fromEntries(names.map((name) => [name, toPlain(node.get(name))]));
}
