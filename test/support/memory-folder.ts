import { chmod, mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

const SHARED_MEMORY = '/dev/shm';
const PREFIX = 'lamplighter-test-';
/** Servers write logs of up to 1 GB, and several run at a time. */
const LEAST_BYTES = 4 * 1024 ** 3;

export interface MemoryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * A folder that is kept in memory, and that every user can enter; undefined where this machine has none with room for servers and programs.
 *
 * On a disk, creating and dropping a database with its 600 files takes 100 to 300 ms of the kernel's time, a tenth of that in memory.
 */
export async function createMemoryFolder(): Promise<MemoryFolder | undefined> {
  if (!(await isUsable())) return undefined;
  await removeLeftovers();
  const path = await mkdtemp(join(SHARED_MEMORY, `${PREFIX}${process.pid}-`));
  // Servers do not run as root.
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

async function isUsable(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY);
    const mounts = await readFile('/proc/mounts', 'utf8');
    const mount = mounts.split('\n').findLast((line) => line.split(' ')[1] === SHARED_MEMORY);
    const [, , type, options = ''] = mount?.split(' ') ?? [];
    // Programs of a server are copied beside its data where its user cannot enter the folder they are in.
    return type === 'tmpfs' && !options.split(',').includes('noexec') && bavail * bsize >= LEAST_BYTES;
  } catch {
    return false;
  }
}

/** Removes the folders of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(SHARED_MEMORY)) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length).match(/^(\d+)-/)?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(SHARED_MEMORY, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
