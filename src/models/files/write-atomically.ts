import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pid } from '../../core/env.ts';

let count = 0;

/** Replaces a file by one with that text; whoever reads it meanwhile, or after a crash, sees the old or the new one. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  count += 1;
  const temporary = `${path}.${pid}.${count}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
