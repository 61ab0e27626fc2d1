import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { withFileLock } from './file-lock.ts';
import type { ModelSource } from './model-files.ts';
import { isMissing } from './model-layout.ts';
import { writeAtomically } from './write-atomically.ts';

const pinnedFileSchema = z.strictObject({
  /** What the hub announces: `sha256:` of a large file, or `git:` and the id that git gives to a small one. */
  announced: z.string().regex(/^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40})$/),
  /** The hash of the downloaded bytes; absent until they have come. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
const pinSchema = z.strictObject({
  repo: z.string(),
  revision: z.string(),
  /** What the revision stood for; absent where a mirror does not say it. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  files: z.record(z.string(), pinnedFileSchema),
});
const lockFileSchema = z.strictObject({ version: z.literal(1), models: z.record(z.string(), pinSchema) });

/** What a model's files were when they were first downloaded. */
export type Pin = z.output<typeof pinSchema>;

/** The file that pins what was downloaded: `models.lock.json` in the folder of models. */
export interface LockFile {
  readonly path: string;
  /**
   * The pin of a model; undefined when it was never downloaded, or from another source.
   *
   * @throws LamplighterError MODEL_CHANGED when the file cannot be understood.
   */
  read(name: string, source: ModelSource): Promise<Pin | undefined>;
  write(name: string, pin: Pin, signal: AbortSignal): Promise<void>;
}

/** The lock file of a folder of models. Two processes that write at once write one after the other. */
export function createLockFile(root: string, clock: Clock): LockFile {
  const path = join(root, 'models.lock.json');

  async function readAll(): Promise<z.output<typeof lockFileSchema>> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return { version: 1, models: {} };
      throw unreadable(path, error);
    }
    try {
      return lockFileSchema.parse(JSON.parse(text));
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  return {
    path,
    async read(name, { repo, revision }) {
      const { models } = await readAll();
      const pin = Object.hasOwn(models, name) ? models[name] : undefined;
      return pin?.repo === repo && pin.revision === revision ? pin : undefined;
    },
    write: (name, pin, signal) =>
      withFileLock(`${path}.lock`, { signal, clock }, async () => {
        const { models } = await readAll();
        const sorted = Object.entries({ ...models, [name]: pin }).sort(([a], [b]) => (a < b ? -1 : 1));
        await writeAtomically(path, `${JSON.stringify({ version: 1, models: Object.fromEntries(sorted) }, null, 2)}\n`);
      }),
  };
}

function unreadable(path: string, cause: unknown): LamplighterError {
  const problem = cause instanceof z.ZodError ? 'it is not a lock file of this version' : messageOf(cause);
  return new LamplighterError('MODEL_CHANGED', `The lock file ${path} cannot be read: ${problem}`, {
    cause,
    hint: 'Restore it, or remove it: the next download then pins new hashes.',
  });
}
