// The import direction of the house, checked on the real imports and on each package.json. The layers are the
// `layer:*` tags that nx reads; docs/decisions/0001-module-boundaries.md says why this is our own check.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

const upToBackend = ['base', 'backend'];
const upToKernels = [...upToBackend, 'kernels'];
const upToPatches = [...upToKernels, 'patches'];
const upToModel = [...upToPatches, 'model'];
const upToTrain = [...upToModel, 'mae', 'optim', 'weights', 'data', 'viz'];

/**
 * Which layers a layer's packages may import. Packages of one layer do not import each other.
 * @type {Record<string, string[]>}
 */
export const mayImport = {
  base: [],
  setup: [],
  backend: ['base', 'setup'],
  kernels: upToBackend,
  patches: upToKernels,
  model: upToPatches,
  mae: upToModel,
  optim: upToKernels,
  weights: upToBackend,
  data: ['base'],
  viz: [],
  train: upToTrain,
  testing: upToKernels,
  settings: [...upToTrain, 'train'],
  page: [...upToTrain, 'train', 'settings'],
  app: [...upToTrain, 'train', 'settings', 'page', 'setup'],
  tool: [...upToTrain, 'train', 'settings', 'app', 'testing'],
};

const withoutTfjs = new Set(['base', 'data', 'viz']);
const tfjsBackend = /^@tensorflow\/tfjs-(backend-|node)/;

/**
 * @typedef {Record<string, string>} Versions
 * @typedef {{ name: string, private?: boolean, nx?: { tags?: string[] }, imports?: object, dependencies?: Versions,
 *   peerDependencies?: Versions, optionalDependencies?: Versions, devDependencies?: Versions }} Manifest
 * @typedef {{ name: string, folder: string, layer: string, manifest: Manifest }} Project
 */

/**
 * Every workspace project under packages/, apps/ and tools/; `folder` is relative to the root.
 * @param {string} root
 * @returns {Project[]}
 */
export function findProjects(root) {
  return ['packages', 'apps', 'tools'].flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => {
        const folder = `${group}/${entry.name}`;
        const manifest = readManifest(join(root, folder, 'package.json'));
        return manifest ? [{ name: manifest.name, folder, layer: layerOf(manifest, folder), manifest }] : [];
      }),
  );
}

/** @param {string} file @returns {Manifest | undefined} */
function readManifest(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw new Error(`${file}: ${error}`);
  }
}

/** @param {Manifest} manifest @param {string} folder */
function layerOf(manifest, folder) {
  const layers = (manifest.nx?.tags ?? [])
    .filter((tag) => tag.startsWith('layer:'))
    .map((tag) => tag.slice(6));
  const [layer] = layers;
  if (layers.length === 1 && layer && Object.hasOwn(mayImport, layer)) return layer;
  const known = Object.keys(mayImport).join(', ');
  throw new Error(
    `${folder}/package.json: nx.tags needs exactly one "layer:NAME" of ${known}; it has [${layers}].`,
  );
}

/**
 * All problems of the given projects (all projects when none is given), one line each.
 * @param {string} root
 * @param {string[]} folders relative to the root
 */
export function checkWorkspace(root, folders = []) {
  const projects = findProjects(root);
  const rootTools = Object.keys(readManifest(join(root, 'package.json'))?.devDependencies ?? {});
  const chosen = projects.filter((project) => folders.length === 0 || folders.includes(project.folder));
  return chosen.flatMap((project) => [
    ...checkManifest(project, projects),
    ...sourceFiles(join(root, project.folder)).flatMap((path) => {
      const file = relative(root, path).split(sep).join('/');
      return checkSource({ file, source: readFileSync(path, 'utf8'), project, projects, rootTools });
    }),
  ]);
}

/** AssemblyScript is not TypeScript, and imports nothing. */
const notScanned = new Set(['node_modules', 'dist', 'assembly']);

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notScanned.has(entry.name) ? [] : sourceFiles(path);
    return /\.(ts|mts|tsx|js|mjs)$/.test(entry.name) ? [path] : [];
  });
}

/**
 * A declared dependency that the layer may not have is wrong even before anything imports it.
 * @param {Project} project
 * @param {Project[]} projects
 */
export function checkManifest(project, projects) {
  const { dependencies, peerDependencies, optionalDependencies } = project.manifest;
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }).flatMap((name) => {
    const problem = checkDirection(name, project, projects, false);
    return problem ? [`${project.folder}/package.json: ${problem}`] : [];
  });
}

/**
 * All problems of one source file.
 * @param {{ file: string, source: string, project: Project, projects: Project[], rootTools?: string[] }} input
 *   `file` is relative to the root, with `/`; `rootTools` are packages of the root that tests may use.
 */
export function checkSource({ file, source, project, projects, rootTools = [] }) {
  const isTest = /\.(test|bench)\.[a-z]+$/.test(file);
  const found = scan(file, source);
  const problems = found.imports.flatMap(({ specifier, start }) => {
    const problem = checkImport(specifier, { file, project, projects, rootTools, isTest });
    return problem ? [`${file}:${lineOf(source, start)}: ${problem}`] : [];
  });
  const random = found.mathRandoms.map(
    (start) => `${file}:${lineOf(source, start)}: Math.random; take a key of @maehem/random as an argument.`,
  );
  return [...problems, ...random];
}

/**
 * @param {string} specifier
 * @param {{ file: string, project: Project, projects: Project[], rootTools: string[], isTest: boolean }} where
 * @returns {string | undefined}
 */
function checkImport(specifier, { file, project, projects, rootTools, isTest }) {
  if (specifier.startsWith('.')) {
    const target = relative(resolve('/', project.folder), resolve('/', file, '..', specifier));
    return target.startsWith('..') ? `"${specifier}" leaves the package; import it by its name.` : undefined;
  }
  // The package's own way to a file, by host: its manifest says to which.
  if (specifier.startsWith('#'))
    return Object.hasOwn(project.manifest.imports ?? {}, specifier)
      ? undefined
      : `"${specifier}" is not among the imports of ${project.folder}/package.json.`;
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? undefined : `write "node:${specifier}".`;
  const name = packageName(specifier);
  // Styles lie where their package puts them; only pages import any.
  const isStyle = specifier.endsWith('.css');
  if (!isStyle && /^(dist|src)(\/|$)/.test(specifier.slice(name.length + 1)))
    return `"${specifier}" reaches into a package; import what its exports map offers.`;
  if (name === project.name) return undefined;
  const isPublished = !isTest && !isBundled(file, project) && file.startsWith(`${project.folder}/src/`);
  return (
    checkDirection(name, project, projects, isTest) ?? checkDeclared(name, project, rootTools, isPublished)
  );
}

/** A page is published built, with what it imports inside; only what serves it is code that others install. @param {string} file @param {Project} project */
function isBundled(file, { layer, folder }) {
  return layer === 'page' && !file.startsWith(`${folder}/src/serve/`);
}

/** @param {string} name @param {Project} project @param {Project[]} projects @param {boolean} isTest */
function checkDirection(name, project, projects, isTest) {
  const { layer } = project;
  if (tfjsBackend.test(name) && layer !== 'backend')
    return `only @maehem/backend imports tfjs backends, not "${name}".`;
  // The whole of tfjs brings the webgl backend and a gradient registry along.
  if (name === '@tensorflow/tfjs' && !isTest && !['testing', 'tool'].includes(layer))
    return `"${name}" is for tests only; import @tensorflow/tfjs-core.`;
  if (name.startsWith('@tensorflow/') && withoutTfjs.has(layer))
    return `${project.name} works without tfjs ("${name}").`;
  const target = projects.find((candidate) => candidate.name === name);
  if (!target) return name.startsWith('@maehem/') ? `there is no package "${name}".` : undefined;
  if (target.layer === 'testing' && isTest) return undefined;
  if (mayImport[layer]?.includes(target.layer)) return undefined;
  const allowed = mayImport[layer]?.join(', ') || 'nothing of the workspace';
  return `${project.name} (${layer}) must not import "${name}" (${target.layer}); ${layer} may import ${allowed}.`;
}

/**
 * Tests and build scripts are not published: development dependencies and the root's tools will do.
 * @param {string} name @param {Project} project @param {string[]} rootTools @param {boolean} isPublished
 */
function checkDeclared(name, project, rootTools, isPublished) {
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = project.manifest;
  const declared = {
    ...dependencies,
    ...peerDependencies,
    ...optionalDependencies,
    ...(!isPublished && devDependencies),
  };
  if (Object.hasOwn(declared, name) || (!isPublished && rootTools.includes(name))) return undefined;
  return `"${name}" is not declared in ${project.folder}/package.json${isPublished ? ' (dependencies or peers)' : ''}.`;
}

/** @param {string} specifier */
function packageName(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/**
 * What a file imports, in every way that TypeScript knows, and where it calls Math.random.
 * @param {string} file
 * @param {string} source
 */
function scan(file, source) {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  /** @type {{ specifier: string, start: number }[]} */
  const imports = [];
  /** @type {number[]} */
  const mathRandoms = [];
  const add = (/** @type {import('oxc-parser').Node | null} */ node) => {
    if (node?.type === 'Literal' && typeof node.value === 'string')
      imports.push({ specifier: node.value, start: node.start });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'require') add(node.arguments[0] ?? null);
    },
    MemberExpression: (node) => {
      if (node.object.type !== 'Identifier' || node.object.name !== 'Math') return;
      const { property } = node;
      if (
        property.type === 'Literal'
          ? property.value === 'random'
          : 'name' in property && property.name === 'random'
      )
        mathRandoms.push(node.start);
    },
  }).visit(program);
  return { imports, mathRandoms };
}

/** @param {string} source @param {number} offset */
function lineOf(source, offset) {
  return source.slice(0, offset).split('\n').length;
}
