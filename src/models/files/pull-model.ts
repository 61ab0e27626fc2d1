import { readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LamplighterError } from '../../core/errors.ts';
import { pathOfModel } from './create-model-files.ts';
import { diskProblem, makeFolder, tooLittleRoom } from './disk-problem.ts';
import { downloadFile } from './download-file.ts';
import { withFileLock } from './file-lock.ts';
import type { HashStore } from './hash-store.ts';
import type { Announcement, HubClient } from './hub/hub-client.ts';
import type { LockFile, Pin } from './lock-file.ts';
import type { ModelSpec } from './model-files.ts';
import { pathInside } from './model-folder.ts';
import type { PullEvent } from './pull-event.ts';
import { announceFiles, sha256IfIntact, type WantedFile, wantedFiles } from './pull-plan.ts';

export interface PullDeps {
  readonly root: string;
  readonly hub: HubClient;
  readonly isOffline: boolean;
  readonly lockFile: LockFile;
  readonly hashes: HashStore;
  readonly clock: Clock;
}

export interface PullOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: PullEvent) => void;
  /** Take what the hub has now, whatever was pinned. */
  readonly isUpdate: boolean;
}

export interface PullResult {
  /** The folder of the model, or its GGUF file. */
  readonly path: string;
  /** Names of the files that were fetched; none when all were there. */
  readonly fetched: readonly string[];
  readonly fetchedBytes: number;
}

interface Download extends WantedFile {
  readonly announced: Announcement;
  readonly partialPath: string;
}

/**
 * Fetches a model's files to this machine, checks each against the hash that the hub announced, and pins the hashes.
 *
 * Correct files stay; if all are correct, there is no network call. Fetched files are put in place by rename after the last one is
 * complete, so that a partial model never looks complete. After any interruption the next call resumes. Calls for the same model, in other
 * processes too, go one after the other.
 */
export async function pullModel(deps: PullDeps, spec: ModelSpec, options: PullOptions): Promise<PullResult> {
  const folder = pathInside(deps.root, spec.name);
  const files = wantedFiles(folder, spec);
  const { signal, onEvent } = options;
  try {
    await makeFolder(folder);
    const lock = {
      signal,
      clock: deps.clock,
      onWait: (holder: string) => onEvent({ kind: 'waiting', holder }),
    };
    return await withFileLock(join(folder, '.pull.lock'), lock, () => pull(deps, spec, files, options));
  } catch (error) {
    signal.throwIfAborted();
    throw diskProblem(error, folder);
  }
}

async function pull(
  deps: PullDeps,
  spec: ModelSpec,
  files: readonly WantedFile[],
  options: PullOptions,
): Promise<PullResult> {
  const { signal, onEvent, isUpdate } = options;
  const path = pathOfModel(deps.root, spec);
  const pin = await deps.lockFile.read(spec.name, spec.source);
  const trusted = isUpdate ? undefined : pin;
  const sha256s = new Map<string, string>();

  const lacking: WantedFile[] = [];
  for (const file of files) {
    const sha256 = await sha256IfIntact(file, trusted?.files[file.name], options);
    if (sha256 === undefined) lacking.push(file);
    else sha256s.set(file.name, sha256);
  }
  if (lacking.length === 0) return { path, fetched: [], fetchedBytes: 0 };
  if (deps.isOffline) {
    const absent = await absentFiles(lacking, trusted);
    if (absent.length === 0) return { path, fetched: [], fetchedBytes: 0 };
    throw offlineError(spec, absent);
  }

  const announced = await announceFiles(deps.hub, spec, {
    files: lacking,
    pin: trusted,
    signal,
    clock: deps.clock,
    onRetry: (reason) => onEvent({ kind: 'retrying', reason }),
  });
  const downloads: Download[] = [];
  for (const file of lacking) {
    const announcement = announced.files.get(file.name);
    if (announcement === undefined) continue;
    const hash = announcement.hash;
    const isChanged = pin?.files[file.name] !== undefined && pin.files[file.name]?.announced !== hash;
    if (isChanged) onEvent({ kind: 'changed', file: file.name });
    const expected = trusted?.files[file.name] === undefined ? { announced: hash } : undefined;
    const sha256 = await sha256IfIntact(file, expected, options);
    if (sha256 !== undefined) sha256s.set(file.name, sha256);
    else downloads.push({ ...file, announced: announcement, partialPath: `${file.path}.${hash.slice(-12)}.partial` });
  }

  const nextPin = (): Pin => pinOf(spec, announced.commit, { pin: trusted, announced: announced.files, sha256s });
  // A download that goes on later has to go on with the same commit; an update is pinned once it has all come.
  if (!isUpdate) await deps.lockFile.write(spec.name, nextPin(), signal);
  await requireRoom(dirname(pathInside(deps.root, spec.name)), downloads);
  const fetchedBytes = await download(deps, spec, downloads, { ...options, commit: announced.commit, sha256s });
  // In this order: a file that is not yet in place counts as changed, and is fetched again; never is a wrong one right.
  await deps.lockFile.write(spec.name, nextPin(), signal);
  for (const { path: finalPath, partialPath } of downloads) await rename(partialPath, finalPath);
  await Promise.all(files.map(removeLeftovers));
  const [weights] = files;
  const sha256 = weights === undefined ? undefined : sha256s.get(weights.name);
  if (weights !== undefined && sha256 !== undefined) await deps.hashes.remember(weights.path, sha256);
  return { path, fetched: downloads.map(({ name }) => name), fetchedBytes };
}

/** The files that are absent. Without a pin there is nothing to compare with: files that somebody copied here are taken as they are. */
async function absentFiles(lacking: readonly WantedFile[], pin: Pin | undefined): Promise<readonly WantedFile[]> {
  const sizes = await Promise.all(lacking.map(({ path }) => stat(path).catch(() => undefined)));
  return lacking.filter(({ name }, index) => pin?.files[name] !== undefined || (sizes[index]?.size ?? 0) === 0);
}

/** Fetches one file after the other; the sha256 of each is added to `sha256s`. */
async function download(
  { hub, clock }: PullDeps,
  { source }: ModelSpec,
  downloads: readonly Download[],
  options: PullOptions & { readonly commit: string | undefined; readonly sha256s: Map<string, string> },
): Promise<number> {
  const { signal, onEvent, commit, sha256s } = options;
  const totalBytes = downloads.reduce((sum, { announced }) => sum + (announced.size ?? 0), 0);
  let finishedBytes = 0;
  for (const { name, announced, partialPath } of downloads) {
    let bytes = 0;
    const sha256 = await downloadFile({
      hub,
      file: { repo: source.repo, revision: commit ?? source.revision, path: name },
      announced,
      partialPath,
      clock,
      signal,
      onBytes(count) {
        bytes = count;
        onEvent({ kind: 'progress', file: name, doneBytes: finishedBytes + count, totalBytes });
      },
      onRetry: (reason) => onEvent({ kind: 'retrying', reason }),
    });
    finishedBytes += bytes;
    sha256s.set(name, sha256);
  }
  return finishedBytes;
}

function pinOf(
  { source: { repo, revision, files } }: ModelSpec,
  commit: string | undefined,
  known: {
    readonly pin: Pin | undefined;
    readonly announced: ReadonlyMap<string, Announcement>;
    readonly sha256s: ReadonlyMap<string, string>;
  },
): Pin {
  const entries = files.flatMap((file) => {
    const announced = known.announced.get(file)?.hash ?? known.pin?.files[file]?.announced;
    const sha256 = known.sha256s.get(file) ?? known.pin?.files[file]?.sha256;
    return announced === undefined ? [] : [[file, { announced, ...(sha256 === undefined ? {} : { sha256 }) }] as const];
  });
  return { repo, revision, ...(commit === undefined ? {} : { commit }), files: Object.fromEntries(entries) };
}

async function requireRoom(folder: string, downloads: readonly Download[]): Promise<void> {
  let neededBytes = 0;
  for (const { announced, partialPath } of downloads) {
    const there = await stat(partialPath).catch(() => undefined);
    neededBytes += Math.max(0, (announced.size ?? 0) - (there?.size ?? 0));
  }
  // Not every file system can tell.
  const room = await statfs(folder).catch(() => undefined);
  const freeBytes = room === undefined || room.blocks === 0 ? Number.POSITIVE_INFINITY : room.bavail * room.bsize;
  if (neededBytes > freeBytes) throw tooLittleRoom(folder, neededBytes, freeBytes);
}

/** Removes what downloads of other contents of the file have left. */
async function removeLeftovers({ path }: WantedFile): Promise<void> {
  const folder = dirname(path);
  const isLeftover = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith('.partial');
  const names = await readdir(folder);
  await Promise.all(names.filter(isLeftover).map((name) => rm(join(folder, name), { force: true })));
}

function offlineError({ name }: ModelSpec, lacking: readonly WantedFile[]): LamplighterError {
  const files = lacking.map((file) => file.name).join(', ');
  return new LamplighterError('DOWNLOAD_FAILED', `Model "${name}" lacks ${files}, and offline nothing is fetched`, {
    hint: 'Remove --offline and HF_HUB_OFFLINE, or copy the files from a machine that has them ("lamplighter models path").',
  });
}
