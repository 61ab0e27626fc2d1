import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromWorker, ToWorker, Usage } from './contender-messages.ts';
import type { WorkableName } from './contenders/registry.ts';

const ENTRY = fileURLToPath(new URL('contender-process.ts', import.meta.url));

/** The worker of a contender in a process of its own. */
export interface ContenderWorker extends AsyncDisposable {
  readonly pid: number;
  /** Begins to work; resolves at the first call of the handler, with `all` for the last of as many requests as are expected. */
  start(expected: number): Promise<{ readonly first: Usage; readonly all: Promise<Usage> }>;
  /** Begins to work, and tells of each request from then on: its prompt, and when its handler was called. */
  watch(onHandled: (prompt: string, atMs: number) => void): Promise<void>;
  /** Begins to work, and tells from then on how many requests it has handled. */
  count(onCount: (handled: number) => void): Promise<void>;
  usage(): Promise<Usage>;
  /** Ends the work, not the process. */
  stop(): Promise<void>;
}

/** Starts the process; it connects to nothing before `start`. Every call fails when the process has ended. */
export async function spawnContender(name: WorkableName, uri: string): Promise<ContenderWorker> {
  const child = fork(ENTRY, [name, uri], { execArgv: ['--import', 'tsx'] });
  const exited = once(child, 'exit');
  const waiting = new Map<FromWorker['kind'], { resolve: (message: FromWorker) => void; reject: (e: Error) => void }>();
  let onCount: (handled: number) => void = () => undefined;
  let onHandled: (prompt: string, atMs: number) => void = () => undefined;
  child.on('message', (message: FromWorker) => {
    if (message.kind === 'handled') {
      for (const prompt of message.prompts) onHandled(prompt, message.atMs);
      return;
    }
    if (message.kind === 'count') {
      onCount(message.handled);
      return;
    }
    waiting.get(message.kind)?.resolve(message);
    waiting.delete(message.kind);
  });
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`the worker process of ${name} ended`));
  });

  function hear(kind: FromWorker['kind']): Promise<FromWorker> {
    const heard = new Promise<FromWorker>((resolve, reject) => {
      waiting.set(kind, { resolve, reject });
      if (child.exitCode !== null) reject(new Error(`the worker process of ${name} ended`));
    });
    // Whoever waits for another message fails with the same error.
    heard.catch(() => undefined);
    return heard;
  }
  async function hearUsage(kind: 'first' | 'all' | 'usage'): Promise<Usage> {
    const message = await hear(kind);
    if (message.kind !== kind) throw new Error(`expected ${kind}, got ${message.kind}`);
    return message;
  }
  const tell = (message: ToWorker) => child.send(message);

  await hear('ready');
  return {
    pid: child.pid ?? 0,
    async start(expected) {
      const started = hear('started');
      const first = hearUsage('first');
      const all = hearUsage('all');
      tell({ kind: 'start', tell: 'ends', expected });
      await started;
      return { first: await first, all };
    },
    async watch(listener) {
      onHandled = listener;
      const started = hear('started');
      tell({ kind: 'start', tell: 'each' });
      await started;
    },
    async count(listener) {
      onCount = listener;
      const started = hear('started');
      tell({ kind: 'start', tell: 'counts' });
      await started;
    },
    usage() {
      const usage = hearUsage('usage');
      tell({ kind: 'usage' });
      return usage;
    },
    async stop() {
      const stopped = hear('stopped');
      tell({ kind: 'stop' });
      await stopped;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}
