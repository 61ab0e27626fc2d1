import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { engineEnvironment } from './engine-environment.ts';
import type { EngineEnd, EngineReport, EngineRequest, EngineWork } from './engine-messages.ts';
import { createEngineOutput } from './engine-output.ts';

/**
 * How long an engine may take to heed a cancel: as long as a new one takes to start, within these bounds. Whoever waits longer than that
 * would have done better not to wait.
 */
const OBEY_MS = { least: 500, most: 10_000 };
/** What an engine has said before its end is read within this time after it. */
const LAST_REPORTS_MS = 1_000;

/** The end of a process that was not asked for. The message goes on from "The engine", such as `was ended by SIGSEGV`. */
export class EngineDeath extends Error {
  override readonly name = 'EngineDeath';
  /** What native code printed before it, in one line. */
  readonly lastWords: string | undefined;

  constructor(message: string, lastWords: string | undefined) {
    super(message);
    this.lastWords = lastWords;
  }
}

export interface EngineProcessOptions {
  /** A module that calls `serveEngine`; a TypeScript file brings the loader that development uses. */
  readonly entry: URL;
  /** What it opens: plain data. */
  readonly setup: unknown;
  readonly log: Logger;
}

/** Told of a call, in the order of the events. */
export interface CallListener {
  working(positions: readonly number[]): void;
  ended(end: EngineEnd): void;
}

/** A process with an open model. */
export interface EngineProcess {
  /** What `serveEngine` was given; the same program made it. */
  readonly facts: unknown;
  readonly pid: number;
  /** False once the process has ended, of itself or not; then every call rejects. */
  readonly isAlive: boolean;
  /**
   * One call at a time. When `signal` aborts, the promise rejects with its reason once the engine has stopped; one that does not stop as
   * soon as it could be started anew is ended by SIGKILL.
   *
   * @throws EngineDeath when the process ended of itself; Error with what the engine said when it could not answer.
   */
  call(work: EngineWork, signal: AbortSignal, listener: CallListener): Promise<void>;
  /** Ends the process at once, and waits for that; it holds nothing that outlives it. Idempotent, never rejects. */
  end(): Promise<void>;
}

/**
 * Starts a process and resolves when its model can answer. When `signal` aborts before that, the process is ended.
 *
 * @throws LamplighterError MODEL_FAILED that says why the model cannot be used; the signal's reason.
 */
export async function startEngineProcess(
  { entry, setup, log }: EngineProcessOptions,
  signal: AbortSignal,
): Promise<EngineProcess> {
  signal.throwIfAborted();
  const startedMs = systemClock.nowMs();
  const child = fork(entry, {
    execArgv: entry.pathname.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [],
    env: engineEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
  });
  // At once: where no process can be made, the error comes in the next turn.
  const ending = endingOf(child);
  // Then streams and channel may be missing, and to kill it would kill the group of this process.
  if (child.pid === undefined) throw refusalOf(new EngineDeath(await ending, undefined));
  const output = createEngineOutput(log.child({ enginePid: child.pid }), systemClock);
  output.read(child.stdout);
  output.read(child.stderr);
  const hold = holdOf(child);
  const gone = new AbortController();
  const death = deathOf(child, ending).then((reason) => {
    gone.abort(new EngineDeath(reason, output.lastWords()));
    listener.died();
  });

  /** Who is told what comes from the process. */
  const silent = { report: (_: EngineReport) => undefined, died: () => undefined };
  let listener: { report(report: EngineReport): void; died(): void } = silent;
  child.on('message', (report: EngineReport) => listener.report(report));
  /** Sends, and settles with the report that is an answer; rejects when the process ends before it. */
  const ask = (request: EngineRequest, onReport: (report: EngineReport) => boolean) =>
    new Promise<EngineReport>((resolve, reject) => {
      const settle = () => {
        listener = silent;
        hold(false);
      };
      listener = {
        report(report) {
          if (!onReport(report)) return;
          settle();
          resolve(report);
        },
        died() {
          settle();
          reject(gone.signal.reason);
        },
      };
      if (gone.signal.aborted) listener.died();
      else send(request);
      hold(!gone.signal.aborted);
    });
  // What cannot be sent any more is answered by the death of the process.
  const send = (request: EngineRequest) => void child.send(request, () => undefined);
  const kill = () => child.kill('SIGKILL');
  const end = async () => {
    hold(!gone.signal.aborted);
    kill();
    await death;
  };

  signal.addEventListener('abort', kill, { once: true });
  const opened = await ask({ kind: 'open', setup }, () => true).catch((error: unknown) => error);
  signal.removeEventListener('abort', kill);
  if (signal.aborted || !isReady(opened)) {
    await end();
    signal.throwIfAborted();
    throw refusalOf(opened);
  }
  const obeyMs = Math.min(OBEY_MS.most, Math.max(OBEY_MS.least, systemClock.nowMs() - startedMs));

  return {
    facts: opened.facts,
    pid: child.pid ?? 0,
    get isAlive() {
      return !gone.signal.aborted;
    },
    async call(work, callSignal, { working, ended }) {
      callSignal.throwIfAborted();
      const over = new AbortController();
      const cancel = () => {
        send({ kind: 'cancel' });
        void systemClock.delay(obeyMs, over.signal).then(() => {
          if (!over.signal.aborted) kill();
        });
      };
      callSignal.addEventListener('abort', cancel, { once: true });
      try {
        const report = await ask({ kind: 'call', work }, (told) => {
          if (told.kind === 'progress' || told.kind === 'over') told.ends.forEach(ended);
          if (told.kind === 'progress') working(told.working);
          return told.kind === 'over';
        });
        callSignal.throwIfAborted();
        if (report.kind === 'over' && report.failure !== undefined) throw new Error(report.failure);
      } catch (error) {
        callSignal.throwIfAborted();
        throw error;
      } finally {
        over.abort();
        callSignal.removeEventListener('abort', cancel);
      }
    },
    end,
  };
}

/** How the process ended, or why there is none. */
function endingOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
    child.on('error', (error) => {
      // Only where there was no process at all.
      if (child.pid === undefined) resolve(`could not be started: ${messageOf(error)}`);
    });
    // Without the connection it is of no use, and it knows that, too.
    child.once('disconnect', () => child.pid !== undefined && child.kill('SIGKILL'));
  });
}

/** The ending, once all that the process had said was read. */
async function deathOf(child: ChildProcess, ending: Promise<string>): Promise<string> {
  const disconnected = new Promise<void>((resolve) => child.once('disconnect', resolve));
  const reason = await ending;
  const read = new AbortController();
  if (child.connected) await Promise.race([disconnected, systemClock.delay(LAST_REPORTS_MS, read.signal)]);
  read.abort();
  return reason;
}

/** Keeps the program alive while it waits for an engine, and lets it end by itself otherwise; the engine ends with it. */
function holdOf(child: ChildProcess): (isHeld: boolean) => void {
  const parts = [child, child.channel, ...child.stdio.filter((stream) => stream instanceof Socket)];
  return (isHeld) => {
    for (const part of parts) {
      if (isHeld) part?.ref();
      else part?.unref();
    }
  };
}

function isReady(report: unknown): report is Extract<EngineReport, { kind: 'ready' }> {
  return typeof report === 'object' && report !== null && 'kind' in report && report.kind === 'ready';
}

function refusalOf(opened: unknown): LamplighterError {
  if (opened instanceof EngineDeath) {
    const said = opened.lastWords === undefined ? '' : `: ${opened.lastWords}`;
    const when = opened.message.startsWith('could not') ? '' : ' while it started';
    return new LamplighterError('MODEL_FAILED', `its engine ${opened.message}${when}${said}`);
  }
  // What else it can be is the report `unusable`.
  const { message, hint } = opened as Extract<EngineReport, { kind: 'unusable' }>;
  return new LamplighterError('MODEL_FAILED', message, { hint });
}
