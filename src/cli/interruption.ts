import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type Clock, systemClock } from '../core/clock.ts';
import { EXIT, type ExitCode } from './exit.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm and tsx pass Ctrl-C on to a process that the terminal has sent it to already; a person presses it slower than this. */
const ECHO_MS = 250;

/** How often the parent is looked for. */
const PARENT_LOOK_MS = 1_000;

/** The wish that the program ends. */
export interface Interruption {
  /** Aborts at the first signal, and when nobody reads the output any more. */
  readonly first: AbortSignal;
  /** Aborts at the second signal: end now. */
  readonly second: AbortSignal;
  /** What aborted `first`. */
  readonly cause: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'output closed' | undefined;
}

/** Turns signals to this process into an {@link Interruption}. The third one ends the process on the spot. */
export function watchSignals(clock: Clock = systemClock): Interruption {
  const first = new AbortController();
  const second = new AbortController();
  let cause: Interruption['cause'];
  let lastMs = Number.NEGATIVE_INFINITY;

  function interrupt(by: NonNullable<Interruption['cause']>): void {
    const isEcho = clock.nowMs() - lastMs < ECHO_MS;
    lastMs = clock.nowMs();
    if (isEcho) return;
    if (cause === undefined) {
      cause = by;
      first.abort();
    } else if (!second.signal.aborted) {
      second.abort();
    } else {
      process.exit(cause === 'SIGINT' ? EXIT.interrupted : EXIT.failed);
    }
  }

  for (const signal of SIGNALS) process.on(signal, () => interrupt(signal));
  if (process.env['npm_command'] !== undefined) void watchParent(clock).then(() => interrupt('SIGTERM'));
  // A pipe such as "| head" was closed; without a listener the error would end the process before anything is tidied up.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      if (!first.signal.aborted) interrupt('output closed');
    });
  }
  return {
    first: first.signal,
    second: second.signal,
    get cause() {
      return cause;
    },
  };
}

/**
 * Resolves when the npm that started this process is gone. Killed, it passes no signal on, and would leave the program running for ever; so
 * do its older versions with SIGTERM. Without npm in between a program may outlive its parent, as it does under nohup.
 */
async function watchParent(clock: Clock): Promise<void> {
  const parents = findParents();
  while (findParents() === parents) await clock.delay(PARENT_LOOK_MS);
}

/** The parent, and npm above it where that is the shell in which npm runs commands: it outlives npm. */
function findParents(): string {
  const { ppid } = process;
  try {
    const isShell = readFileSync(`/proc/${ppid}/cmdline`, 'utf8').split('\0')[1] === '-c';
    const above = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${ppid}/status`, 'utf8'))?.[1];
    return isShell ? `${ppid} ${above}` : String(ppid);
  } catch {
    // Not Linux, or the parent has ended just now.
    return String(process.ppid);
  }
}

/** Resolves when the signal has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What a command that was cut short ends with. */
export function codeOfInterruption({ cause }: Interruption): ExitCode {
  return cause === 'SIGINT' ? EXIT.interrupted : EXIT.failed;
}
