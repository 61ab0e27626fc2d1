import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { chooseRunAs } from '../../../src/db/embedded/run-as.ts';

const run = promisify(execFile);
const CHUNK = Buffer.alloc(65_536);

/** A disk of a few megabytes that a server of ours can write to. */
export interface SmallDisk extends AsyncDisposable {
  /** An empty folder that belongs to the server's user. */
  readonly folder: string;
  /** Leaves not one byte free. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
}

/** Mounts a disk in memory; the reason when this process may not. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk | { readonly refusal: string }> {
  const owner = chooseRunAs();
  if (process.platform !== 'linux' || owner === undefined) return { refusal: 'only root on Linux may mount a disk' };
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-disk-'));
  try {
    const options = `size=${megabytes}m,mode=0700,uid=${owner.uid},gid=${owner.gid}`;
    await run('mount', ['-t', 'tmpfs', '-o', options, 'lamplighter-test', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    return { refusal: `mounting a disk was refused: ${String(error)}` };
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (let size = CHUNK.length; size >= 1; ) {
          const isWritten = await file.write(CHUNK.subarray(0, size)).then(
            ({ bytesWritten }) => bytesWritten === size,
            () => false,
          );
          if (!isWritten) size = Math.floor(size / 2);
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
