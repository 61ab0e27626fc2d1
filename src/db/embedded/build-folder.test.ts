import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildFolder, removeUnfinished } from './build-folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'lamplighter-build-'));
});
afterEach(() => rm(parent, { recursive: true, force: true, maxRetries: 5 }));

test('what is still being filled by another process is left, and does no harm', async () => {
  const folder = join(parent, 'other');
  let isGoingOn = true;
  const other = buildFolder(folder, async (unfinished) => {
    for (let at = 0; isGoingOn; at += 1) {
      const part = join(unfinished, String(at % 20));
      await mkdir(part, { recursive: true });
      await writeFile(join(part, String(at)), '');
    }
  }).catch(() => undefined);
  try {
    await expect.poll(() => readdir(parent)).toHaveLength(1);
    for (let round = 0; round < 20; round += 1) await removeUnfinished(parent);
  } finally {
    isGoingOn = false;
    await other;
  }
});

test('what a process left behind that was killed is removed', async () => {
  let kill: (error: Error) => void = () => undefined;
  const killed = new Promise<void>((_, reject) => {
    kill = reject;
  });
  const other = buildFolder(join(parent, 'other'), () => killed);
  await expect.poll(() => readdir(parent)).toHaveLength(1);
  await removeUnfinished(parent);
  expect(await readdir(parent)).toEqual([]);
  kill(new Error('killed'));
  await expect(other).rejects.toThrow('killed');
});
