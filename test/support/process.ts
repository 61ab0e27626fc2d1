import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiledEntry } from './compiled-program.ts';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnedProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves after the last output has been read; never rejects. */
  readonly exited: Promise<ProcessEnd>;
  /** Everything printed so far, standard output and standard error as they came. */
  output(): string;
  stdout(): string;
  stderr(): string;
  /** The first line, printed already or yet to come, that matches; fails with the output when the process ends or time is up. */
  waitForLine(pattern: RegExp, options?: { readonly timeoutMs?: number }): Promise<string>;
  /** Writes to its standard input, and closes it. */
  write(text: string | Uint8Array): void;
  kill(signal?: NodeJS.Signals): void;
}

export interface SpawnOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

const ROOT = new URL('../../', import.meta.url);
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const running = new Set<ChildProcess>();

const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
process.once('exit', killAll);

/** Kills what is still running, and resolves when it has ended. */
export async function endProcesses(): Promise<void> {
  const ends = [...running].map((child) => once(child, 'close'));
  killAll();
  await Promise.all(ends);
}

/**
 * Runs a file in TypeScript or JavaScript (a path from the repository's root) in a real process of its own. What is still running when the test
 * file is done, or when `await using` leaves its block, is killed.
 */
export function spawnProcess(entry: string, args: readonly string[] = [], options: SpawnOptions = {}): SpawnedProcess {
  const path = compiledEntry(entry);
  const loader = path.endsWith('.ts') ? ['--import', TSX] : [];
  const child = spawn(process.execPath, [...loader, fileURLToPath(new URL(path, ROOT)), ...args], {
    cwd: options.cwd ?? fileURLToPath(ROOT),
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  const texts = { all: '', stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      texts.all += text;
      child.emit('text');
    });
  }
  child.stdin.on('error', () => undefined);
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });

  return {
    pid: child.pid ?? 0,
    exited,
    output: () => texts.all,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    waitForLine: (pattern, { timeoutMs = 15_000 } = {}) =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          child.off('text', look).off('close', look);
          settle();
        };
        const fail = () => finish(() => reject(new Error(`no line matches ${pattern} in:\n${texts.all}`)));
        const look = () => {
          const hasEnded = !running.has(child);
          const lines = texts.all.split('\n');
          const line = (hasEnded ? lines : lines.slice(0, -1)).find((candidate) => pattern.test(candidate));
          if (line !== undefined) finish(() => resolve(line));
          else if (hasEnded) fail();
        };
        const timer = setTimeout(fail, timeoutMs);
        child.on('text', look).once('close', look);
        look();
      }),
    write: (text) => child.stdin.end(text),
    kill: (signal = 'SIGTERM') => {
      child.kill(signal);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
