/** A plain object that settings are laid over each other in. */
export type SettingsLayer = { [name: string]: unknown };

/** Lay one set of settings over another: groups are merged, everything else replaced. */
export function overlay(base: SettingsLayer, over: SettingsLayer): SettingsLayer {
  const merged = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = isGroup(value) && isGroup(below) ? overlay(below, value) : value;
  }
  return merged;
}

/** Set one setting in place by its dotted path, such as `mask.ratio`. */
export function setPath(settings: SettingsLayer, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop()!;
  let node = settings;
  for (const name of names) {
    node[name] ??= {};
    node = node[name] as SettingsLayer;
  }
  node[last] = value;
}

/** One setting by its dotted path; `undefined` where it is not given. */
export function getPath(settings: SettingsLayer, path: string): unknown {
  let node: unknown = settings;
  for (const name of path.split('.')) node = isGroup(node) ? node[name] : undefined;
  return node;
}

function isGroup(value: unknown): value is SettingsLayer {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
