import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cacheFolder } from './cache.js';

const home = '/home/ada';

it.each([
  ['linux', {}, join(home, '.cache', 'maehem')],
  ['linux', { XDG_CACHE_HOME: '/var/xdg' }, join('/var/xdg', 'maehem')],
  ['linux', { XDG_CACHE_HOME: '' }, join(home, '.cache', 'maehem')],
  ['linux', { XDG_CACHE_HOME: '/var/xdg', MAEHEM_CACHE: '/big' }, '/big'],
  ['darwin', {}, join(home, 'Library', 'Caches', 'maehem')],
  ['win32', { LOCALAPPDATA: 'C:/Local' }, join('C:/Local', 'maehem')],
] as const)('on %s with %j', (platform, env, expected) => {
  expect(cacheFolder({ platform, env, home })).toBe(expected);
});
