import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { diskProblem, makeFolder } from './disk-problem.ts';
import { endSilence } from './end-silence.ts';
import { gitIdOfFile, updateFromFile } from './hash-file.ts';
import type { Announcement, Delivery, HubClient } from './hub/hub-client.ts';
import { describeFile, type HubFile } from './hub/hub-file.ts';
import { PassingProblem } from './hub/hub-problem.ts';
import { retryPassing } from './retry-passing.ts';

export interface DownloadOptions {
  readonly hub: HubClient;
  readonly file: HubFile;
  readonly announced: Announcement;
  /** Where the bytes are collected. What is there is taken for their beginning, and stays when the download ends early. */
  readonly partialPath: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told how many bytes there are now; fewer than before after a new beginning. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Told why it tries again. */
  readonly onRetry?: ((reason: string) => void) | undefined;
}

/**
 * Fetches a file to its end and proves that it is the announced one; gives its sha256. Where it cannot, the bytes that
 * came are kept for the next call, unless they are proven wrong.
 *
 * @throws LamplighterError DOWNLOAD_FAILED after several failures in a row, or when the disk does not take it.
 * @throws LamplighterError MODEL_CHANGED when what came is not what was announced.
 * @throws The signal's reason when it aborts.
 */
export async function downloadFile(options: DownloadOptions): Promise<string> {
  const { onRetry, partialPath } = options;
  await makeFolder(dirname(partialPath));
  let hasLeftover = (await sizeOf(partialPath)) > 0;
  for (;;) {
    try {
      return await retryPassing(() => attempt(options, hasLeftover), {
        ...options,
        progress: () => sizeOf(partialPath),
      });
    } catch (error) {
      if (!(error instanceof LeftoverProblem)) throw error;
      hasLeftover = false;
      onRetry?.(error.message);
    }
  }
}

/** What an earlier download left is not the beginning of this file; it is gone now. */
class LeftoverProblem extends Error {}

/** Downloads once. With `hasLeftover` a wrong hash may be the fault of what was there before; without, all came from the hub just now. */
async function attempt(options: DownloadOptions, hasLeftover: boolean): Promise<string> {
  const { announced, partialPath, signal, onBytes } = options;
  const leftover = await sizeOf(partialPath);
  const isTooLong = announced.size !== undefined && leftover > announced.size;
  const offset = isTooLong ? 0 : leftover;
  let hash = createHash('sha256');
  if (offset > 0) hash = await updateFromFile(hash, partialPath, { signal });
  onBytes?.(offset);
  const file = await open(partialPath, offset > 0 ? 'r+' : 'w').catch((error: unknown) => {
    throw diskProblem(error, partialPath);
  });
  try {
    if (offset === 0 || offset !== announced.size) hash = await receive(options, { file, hash, offset });
    await file.datasync().catch(ignoreUnsupported);
  } finally {
    await file.close();
  }
  const sha256 = hash.digest('hex');
  const found = await announcedKind(announced, partialPath, sha256, signal);
  if (found === announced.hash) return sha256;
  await rm(partialPath, { force: true });
  if (hasLeftover) throw new LeftoverProblem('What an earlier download left does not fit; starting anew');
  throw new LamplighterError(
    'MODEL_CHANGED',
    `What came is not ${describeFile(options.file)}: the hub announced ${announced.hash}, and this is ${found}`,
    {
      hint: 'Nothing was kept. Try again; if it fails again, a proxy between this machine and the hub changes the files.',
    },
  );
}

interface Sink {
  readonly file: FileHandle;
  readonly hash: Hash;
  readonly offset: number;
}

/** Writes what the hub sends, and gives the hash over all of the file. */
async function receive(options: DownloadOptions, { file, hash: hashSoFar, offset }: Sink): Promise<Hash> {
  const { hub, announced, clock, signal, onBytes, partialPath } = options;
  let hash = hashSoFar;
  let position = offset;
  /** False when the hub has nothing beyond what is there. */
  async function take(either: AbortSignal): Promise<boolean> {
    const delivery = await hub.deliver(options.file, offset, either);
    if (delivery === undefined) return false;
    if (delivery.startsAt !== offset) {
      hash = createHash('sha256');
      position = 0;
      await file.truncate(0);
    }
    for await (const chunk of chunksOf(delivery)) {
      if (announced.size !== undefined && position + chunk.length > announced.size) {
        await rm(partialPath, { force: true });
        throw tooMuch(options.file);
      }
      await writeAll(file, chunk, position).catch((error: unknown) => {
        throw diskProblem(error, partialPath);
      });
      hash.update(chunk);
      position += chunk.length;
      onBytes?.(position);
    }
    return true;
  }
  if (!(await endSilence(take, { clock, signal, progress: () => position }))) return hash;
  if (announced.size !== undefined && position < announced.size) {
    throw new PassingProblem(`The connection ended after ${position} of ${announced.size} bytes`);
  }
  return hash;
}

async function* chunksOf({ chunks }: Delivery): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    throw new PassingProblem(`The connection was cut off: ${causeOf(cause)}`, { cause });
  }
}

function causeOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause instanceof Error ? error.cause : error);
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

async function announcedKind(
  { hash }: Announcement,
  path: string,
  sha256: string,
  signal: AbortSignal,
): Promise<string> {
  return hash.startsWith('git:')
    ? `git:${await gitIdOfFile(path, await sizeOf(path), { signal })}`
    : `sha256:${sha256}`;
}

function tooMuch(file: HubFile): LamplighterError {
  return new LamplighterError('MODEL_CHANGED', `More bytes came than the hub announced for ${describeFile(file)}`);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Some network file systems have no such call. */
function ignoreUnsupported(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'ENOTSUP')))
    throw error;
}
