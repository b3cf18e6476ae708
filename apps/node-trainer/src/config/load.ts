import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { SettingsError, type SettingsLayer } from '@maehem/settings';
import { createJiti } from 'jiti';

/**
 * Settings from a file: JSON, or a TypeScript or JavaScript module whose default export is the settings.
 * @throws SettingsError when the file cannot be read, or holds no object.
 */
export async function loadSettingsFile(path: string): Promise<SettingsLayer> {
  const settings = await readSettings(resolve(path), path);
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new SettingsError(
      `${path} must hold an object of settings${extname(path) === '.json' ? '' : ' as its default export'}`,
    );
  return settings as SettingsLayer;
}

async function readSettings(absolute: string, path: string): Promise<unknown> {
  try {
    if (extname(path) === '.json') return JSON.parse(await readFile(absolute, 'utf8'));
    return await createJiti(import.meta.url).import(absolute, { default: true });
  } catch (error) {
    throw new SettingsError(`cannot read settings from ${path}: ${(error as Error).message}`);
  }
}
