import { stat } from 'node:fs/promises';
import { LamplighterError } from '../../core/errors.ts';
import { endSilence } from './end-silence.ts';
import { gitIdOfFile, sha256OfFile } from './hash-file.ts';
import type { Announcement, HubClient } from './hub/hub-client.ts';
import { HubRefusal } from './hub/hub-problem.ts';
import type { Pin } from './lock-file.ts';
import type { ModelSpec } from './model-files.ts';
import { pathInside } from './model-folder.ts';
import type { PullEvent } from './pull-event.ts';
import { type RetryOptions, retryPassing } from './retry-passing.ts';

/** One file of a model and where it belongs. */
export interface WantedFile {
  readonly name: string;
  readonly path: string;
}

/** Whether the file is there and is the one that the pin or the announcement speaks of; then its sha256. */
export async function sha256IfIntact(
  { name, path }: WantedFile,
  expected: { readonly announced: string; readonly sha256?: string | undefined } | undefined,
  { signal, onEvent }: { signal: AbortSignal; onEvent: (event: PullEvent) => void },
): Promise<string | undefined> {
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : 0),
    () => 0,
  );
  if (expected === undefined || size === 0) return undefined;
  onEvent({ kind: 'checking', file: name });
  const sha256 = await sha256OfFile(path, { signal });
  if (expected.sha256 !== undefined) return expected.sha256 === sha256 ? sha256 : undefined;
  const found = expected.announced.startsWith('git:')
    ? `git:${await gitIdOfFile(path, size, { signal })}`
    : `sha256:${sha256}`;
  return found === expected.announced ? sha256 : undefined;
}

/** The files of a model with their places, all of them inside the folder. */
export function wantedFiles(folder: string, { source }: ModelSpec): readonly WantedFile[] {
  return source.files.map((name) => ({ name, path: pathInside(folder, name) }));
}

/** What the hub has, all of one commit where it says which. */
export interface Announced {
  readonly commit: string | undefined;
  readonly files: ReadonlyMap<string, Announcement>;
}

/**
 * Asks the hub about files: those of the pinned commit where there is one, else what the revision stands for now.
 *
 * @throws LamplighterError MODEL_CHANGED when the hub has other bytes than the pin says under the same revision.
 */
export async function announceFiles(
  hub: HubClient,
  { name: model, source }: ModelSpec,
  { files, pin, ...retry }: RetryOptions & { readonly files: readonly WantedFile[]; readonly pin: Pin | undefined },
): Promise<Announced> {
  let commit = pin?.commit;
  const announced = new Map<string, Announcement>();
  for (const { name } of files) {
    const file = { repo: source.repo, revision: commit ?? source.revision, path: name };
    const ask = () => endSilence((either) => hub.announce(file, either), { clock: retry.clock, signal: retry.signal });
    const found = await retryPassing(ask, retry).catch((error: unknown) => {
      const isGone = error instanceof HubRefusal && error.status === 404 && pin?.commit !== undefined;
      throw isGone ? goneError(error, model) : error;
    });
    const pinned = pin?.files[name];
    if (pinned !== undefined && pinned.announced !== found.hash)
      throw changedError(model, name, pinned.announced, found.hash);
    commit ??= found.commit;
    announced.set(name, found);
  }
  return { commit, files: announced };
}

function changedError(model: string, file: string, pinned: string, found: string): LamplighterError {
  return new LamplighterError(
    'MODEL_CHANGED',
    `${file} of model "${model}" has changed on the hub: it was ${pinned} when it was first downloaded, and is ${found} now, under the same revision`,
    { hint: `Nothing was fetched. If you trust the new files: lamplighter models pull ${model} --update` },
  );
}

function goneError(cause: HubRefusal, model: string): LamplighterError {
  return new LamplighterError('DOWNLOAD_FAILED', `${cause.message}, which the lock file pins`, {
    cause,
    hint: `To take the present files: lamplighter models pull ${model} --update`,
  });
}
