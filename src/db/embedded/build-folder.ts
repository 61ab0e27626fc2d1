import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const UNFINISHED = '.lamplighter-new-';

/**
 * Makes `folder` whole or not at all: `fill` works in a folder beside it that gets its name at the end. If another process is
 * faster, its folder stays and ours is dropped.
 */
export async function buildFolder(folder: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = await mkdtemp(join(dirname(folder), UNFINISHED));
  try {
    await fill(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    await remove(unfinished);
    if (!existsSync(folder)) throw error;
  }
}

/** Removes what processes left behind that were killed in {@link buildFolder}; one that is still at it there has lost the race. */
export async function removeUnfinished(parent: string): Promise<void> {
  const names = await readdir(parent);
  for (const name of names.filter((candidate) => candidate.startsWith(UNFINISHED))) await remove(join(parent, name));
}

/** What somebody still writes into, or removes as well, is left to them. */
async function remove(unfinished: string): Promise<void> {
  await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
}
