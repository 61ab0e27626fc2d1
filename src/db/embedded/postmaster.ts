import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../core/clock.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Binaries } from './binaries.ts';
import { type RunAs, serverEnv } from './run-as.ts';

/** Replaying the log after a crash may take a while; checkpoints keep it far below this. */
const START_TIMEOUT_MS = 120_000;
const FAST_STOP_MS = 30_000;
const IMMEDIATE_STOP_MS = 10_000;
const POLL_MS = 10;
const KEPT_LINES = 20;

export interface Postmaster {
  readonly pid: number;
  /** Resolves when it has ended by any path. */
  readonly ended: Promise<void>;
  /** Resolves when connections are accepted; fails with PORT_TAKEN, EMBEDDED_IN_USE or EMBEDDED_FAILED. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Ends it and waits: sessions are cut off, then a clean shutdown (fast) or none (immediate); harder when it takes too long. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
}

interface PostmasterOptions {
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
  readonly dataDir: string;
  readonly pgdata: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Logger;
}

/** Starts PostgreSQL's main process in a session of its own: Ctrl-C at a terminal does not reach it. */
export function startPostmaster(options: PostmasterOptions): Postmaster {
  const { binaries, runAs, pgdata, port, log } = options;
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    ...options.settings,
  };
  const child = spawn(
    join(binaries.folder, 'bin', 'postgres'),
    ['-D', pgdata, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...runAs, cwd: '/', env: serverEnv(), detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.debug({ source: 'postgres' }, line);
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      lastLines.push(error.message);
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    ready: (signal) => waitUntilReady(child, options, lastLines, signal),
    stop: (mode) => stop(child, ended, mode),
  };
}

async function waitUntilReady(
  child: ChildProcess,
  options: PostmasterOptions,
  lastLines: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadlineMs = systemClock.nowMs() + START_TIMEOUT_MS;
  while (systemClock.nowMs() < deadlineMs) {
    signal?.throwIfAborted();
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      if (child.stderr?.closed === false) await once(child.stderr, 'close');
      throw await startFailure(options, lastLines);
    }
    const file = await readPidFile(options.pgdata);
    if (file?.pid === child.pid && file.status === 'ready') return;
    await systemClock.delay(POLL_MS, signal);
  }
  throw new LamplighterError(
    'EMBEDDED_FAILED',
    `PostgreSQL in ${options.dataDir} was not ready after ${START_TIMEOUT_MS / 1000} s.`,
    {
      hint: lastLines.at(-1),
    },
  );
}

interface PidFile {
  readonly pid: number;
  /** `starting`, `ready`, `stopping` or `standby`. */
  readonly status: string;
}

/** What `postmaster.pid` says: line 1 is the process, line 8 its state; undefined when there is no such file. */
export async function readPidFile(pgdata: string): Promise<PidFile | undefined> {
  const text = await readFile(join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return text === '' ? undefined : { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
}

async function startFailure(
  { dataDir, pgdata, port }: PostmasterOptions,
  lines: readonly string[],
): Promise<LamplighterError> {
  const text = lines.join('\n');
  if (/lock file "postmaster.pid" already exists|pre-existing shared memory block/.test(text)) {
    const holder = (await readPidFile(pgdata))?.pid;
    return new LamplighterError(
      'EMBEDDED_IN_USE',
      `The folder ${dataDir} is in use by another process${holder === undefined ? '' : ` (PostgreSQL has process id ${holder})`}.`,
      { hint: 'Stop that one first, or choose another folder.' },
    );
  }
  if (/could not bind.*Permission denied/.test(text)) {
    return new LamplighterError('EMBEDDED_FAILED', `PostgreSQL is not permitted to listen on port ${port}.`, {
      hint: 'Ports below 1024 are for root, and PostgreSQL never runs as root: choose a higher one.',
    });
  }
  if (/could not bind|could not create any TCP\/IP sockets/.test(text)) {
    return new LamplighterError('PORT_TAKEN', `Port ${port} on 127.0.0.1 is taken.`, {
      hint: 'Choose another port, or 0 for any free one.',
    });
  }
  const fatal = lines.findLast((line) => /(FATAL|PANIC): /.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return new LamplighterError('EMBEDDED_FAILED', `PostgreSQL in ${dataDir} did not start: ${fatal}`);
}

async function stop(child: ChildProcess, ended: Promise<void>, mode: 'fast' | 'immediate'): Promise<void> {
  const steps =
    mode === 'fast'
      ? ([
          ['SIGINT', FAST_STOP_MS],
          ['SIGQUIT', IMMEDIATE_STOP_MS],
        ] as const)
      : ([['SIGQUIT', IMMEDIATE_STOP_MS]] as const);
  for (const [stopSignal, waitMs] of steps) {
    child.kill(stopSignal);
    if (await settledWithin(ended, waitMs)) return;
  }
  child.kill('SIGKILL');
  await ended;
}

async function settledWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const isSettled = await Promise.race([
    promise.then(() => true),
    systemClock.delay(ms, timer.signal).then(() => false),
  ]);
  timer.abort();
  return isSettled;
}

/** A TCP port on 127.0.0.1 that was free a moment ago; another process may take it before it is used. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP address');
  return address.port;
}
