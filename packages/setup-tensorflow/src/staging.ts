import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Installations do not start with a dot, so that none is mistaken for one before it is whole. */
const PREFIX = '.building-';

/**
 * A new folder beside the installations, on the same disk. It becomes one by being renamed, all at once: a set-up that
 * is stopped leaves no half of an installation, and two at once do not meet.
 */
export async function openStaging(root: string): Promise<string> {
  await mkdir(root, { recursive: true });
  await sweep(root);
  return mkdtemp(join(root, `${PREFIX}${hostname()}-${process.pid}-`));
}

/**
 * Give a staging folder its name among the installations. One of that name gives way: it is of the same library, and
 * programs that loaded it keep what they have open.
 */
export async function publish(staging: string, target: string): Promise<void> {
  const old = `${staging}-old`;
  // Another set-up may put its own there between the two steps, or take the old one away: then once more.
  while (!(await renamed(staging, target))) {
    await rename(target, old).catch(unlessGone);
    await rm(old, { recursive: true, force: true });
  }
}

/** @returns `false` when there is something at `target` */
async function renamed(source: string, target: string): Promise<boolean> {
  return rename(source, target).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** Remove what set-ups of this machine left when they were stopped. */
async function sweep(root: string): Promise<void> {
  const own = `${PREFIX}${hostname()}-`;
  for (const name of await readdir(root)) {
    if (!name.startsWith(own)) continue;
    const pid = Number.parseInt(name.slice(own.length), 10);
    if (!isRunning(pid)) await rm(join(root, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
