import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256OfFile } from './hash-file.ts';
import { writeAtomically } from './write-atomically.ts';

const entrySchema = z.object({ size: z.number(), mtimeMs: z.number(), ctimeMs: z.number(), sha256: z.string() });
const storeSchema = z.record(z.string(), entrySchema);

type HashEntry = z.output<typeof entrySchema>;

/** Hashes of weights, each computed once for a size and times of change, and remembered over restarts where that is possible. */
export interface HashStore {
  sha256(path: string, signal: AbortSignal): Promise<string>;
  /** Remembers a hash that was computed elsewhere, of the file as it is now. */
  remember(path: string, sha256: string): Promise<void>;
}

/** A store in `hashes.json` of the folder of models; a store that cannot be read or written only costs time. */
export function createHashStore(root: string): HashStore {
  const storePath = join(root, 'hashes.json');
  const known = new Map<string, HashEntry>();
  const running = new Map<string, Promise<string>>();

  async function read(): Promise<Record<string, HashEntry>> {
    try {
      return storeSchema.parse(JSON.parse(await readFile(storePath, 'utf8')));
    } catch {
      return {};
    }
  }

  /** What is lost when two processes write at once is computed once more. */
  async function keep(path: string, entry: HashEntry): Promise<void> {
    known.set(path, entry);
    const entries = { ...(await read()), [path]: entry };
    await writeAtomically(storePath, `${JSON.stringify(entries, null, 2)}\n`).catch(() => undefined);
  }

  async function compute(path: string, signal: AbortSignal): Promise<string> {
    const before = await stampOf(path);
    const remembered = known.get(path) ?? (await read())[path];
    if (remembered !== undefined && isSame(remembered, before)) {
      known.set(path, remembered);
      return remembered.sha256;
    }
    const sha256 = await sha256OfFile(path, { signal });
    if (isSame(before, await stampOf(path))) await keep(path, { ...before, sha256 });
    return sha256;
  }

  return {
    sha256(path, signal) {
      const current = running.get(path);
      if (current !== undefined) return current.catch(() => compute(path, signal));
      const fresh = compute(path, signal).finally(() => running.delete(path));
      running.set(path, fresh);
      return fresh;
    },
    async remember(path, sha256) {
      await keep(path, { ...(await stampOf(path)), sha256 });
    },
  };
}

type Stamp = Omit<HashEntry, 'sha256'>;

/** The time of change of the inode can, unlike that of the contents, not be set back. */
async function stampOf(path: string): Promise<Stamp> {
  const { size, mtimeMs, ctimeMs } = await stat(path);
  return { size, mtimeMs, ctimeMs };
}

function isSame(a: Stamp, b: Stamp): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}
