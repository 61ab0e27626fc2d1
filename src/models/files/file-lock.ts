import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { hostname, isRunning, pid } from '../../core/env.ts';

/** Pause between signs of life of a holder. */
const TOUCH_MS = 5_000;
/** Silence after which a holder on another machine, whose process cannot be looked at, counts as dead. */
const SILENCE_MS = 60_000;
const RETRY_MS = 200;

export interface FileLockOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Told once, when another process has the lock. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** Nonces of locks that this process holds: after a restart in a container a dead holder may have had our own pid. */
const own = new Set<string>();

/**
 * Runs `work` while no other process, here or on another machine that shares the folder, runs its own under that path.
 * A lock whose holder has died is taken over: at once on the same machine, after a minute of silence otherwise.
 *
 * It keeps work from being done twice; what must not go wrong even then is checked by hash and put in place by rename.
 *
 * @throws The signal's reason when it aborts while waiting.
 */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  const nonce = await acquire(path, options);
  const ended = new AbortController();
  const touching = touch(path, options.clock, ended.signal);
  try {
    return await work();
  } finally {
    ended.abort();
    await touching;
    if ((await readHolder(path))?.nonce === nonce) await rm(path, { force: true });
    own.delete(nonce);
  }
}

async function acquire(path: string, options: FileLockOptions): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const nonce = randomUUID();
  // Before it is on disk, where others of this process would take it for a dead one's.
  own.add(nonce);
  try {
    await acquireAs(nonce, path, options);
    return nonce;
  } catch (error) {
    own.delete(nonce);
    throw error;
  }
}

async function acquireAs(nonce: string, path: string, { signal, clock, onWait }: FileLockOptions): Promise<void> {
  const isSilent = watchSilence(path, clock);
  const isGateSilent = watchSilence(gateOf(path), clock);
  let hasTold = false;
  for (;;) {
    signal.throwIfAborted();
    if (await create(path, `${pid} ${hostname()} ${nonce}\n`)) return;
    const holder = await readHolder(path);
    if (await isGateSilent()) await rm(gateOf(path), { force: true });
    if ((await isSilent()) || (holder !== undefined && isDead(holder))) await takeAway(path, holder);
    else {
      if (!hasTold && holder !== undefined) onWait?.(`process ${holder.pid} on ${holder.host}`);
      hasTold ||= holder !== undefined;
      await clock.delay(RETRY_MS, signal);
    }
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly nonce: string;
}

const gateOf = (path: string) => `${path}.takeover`;

/** Two that find the same lock dead go one after the other, and the second one looks again: it may be a new one by then. */
async function takeAway(path: string, dead: Holder | undefined): Promise<void> {
  const gate = gateOf(path);
  if (!(await create(gate, ''))) return;
  try {
    if ((await readHolder(path))?.nonce === dead?.nonce) await rm(path, { force: true });
  } finally {
    await rm(gate, { force: true });
  }
}

function isDead({ pid: holderPid, host, nonce }: Holder): boolean {
  return !own.has(nonce) && host === hostname() && (holderPid === pid || !isRunning(holderPid));
}

/** Tells whether a file has not been touched for long, by our own watch: clocks of other machines may be wrong. */
function watchSilence(path: string, clock: Clock): () => Promise<boolean> {
  let seen: number | undefined;
  let sinceMs = clock.nowMs();
  return async () => {
    const mtimeMs = await stat(path).then(
      (found) => found.mtimeMs,
      () => undefined,
    );
    if (mtimeMs !== seen || mtimeMs === undefined) [seen, sinceMs] = [mtimeMs, clock.nowMs()];
    return clock.nowMs() - sinceMs > SILENCE_MS;
  };
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when there is none, and in the moment in which it has not been filled. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [, holderPid, host = '', nonce = ''] = /^(\d+) (\S*) (\S+)\n$/.exec(text) ?? [];
  return holderPid === undefined ? undefined : { pid: Number(holderPid), host, nonce };
}

async function touch(path: string, clock: Clock, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await clock.delay(TOUCH_MS, ended);
    const now = new Date();
    if (!ended.aborted) await utimes(path, now, now).catch(() => undefined);
  }
}
