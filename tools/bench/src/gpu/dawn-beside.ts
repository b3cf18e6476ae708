// Takes the place of the package `webgpu` in the bundle, where Dawn lies beside the program.
import { createRequire } from 'node:module';

const dawn = createRequire(import.meta.url)('./dawn.node') as typeof import('webgpu');

export const create: typeof dawn.create = dawn.create;
export const globals: typeof dawn.globals = dawn.globals;
