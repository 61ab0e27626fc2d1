import { Worker, type WorkerOptions } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { EngineAnswer, EngineFacts, EngineSetup, ThreadReport, ThreadRequest } from './thread-messages.ts';

/** Longest wait for the thread after it was told to stop a call or to close; a batch of a large model may take a minute. */
const STOP_TIMEOUT_MS = 120_000;

const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./onnx-thread.ts', import.meta.url)
  : new URL('./onnx-thread.js', import.meta.url);

/** A call without what tells the thread that it is cancelled. */
export type EngineCall =
  | Omit<Extract<ThreadRequest, { kind: 'embed' }>, 'cancelled'>
  | Omit<Extract<ThreadRequest, { kind: 'rerank' }>, 'cancelled'>;

/** A thread with an open model. */
export interface EngineThread {
  readonly facts: EngineFacts;
  /** False once the thread has ended, of itself or not; then every call rejects. */
  readonly isAlive: boolean;
  /**
   * One call at a time. When `signal` aborts, the thread stops after the batch it is at, and only then the promise rejects.
   *
   * @throws Error when the call came to nothing, also because the thread ended.
   */
  call(request: EngineCall, signal: AbortSignal): Promise<EngineAnswer>;
  /** Closes the model and ends the thread; idempotent, bounded, never rejects. */
  close(): Promise<void>;
}

/**
 * Starts a thread and resolves when its model can answer. When `signal` aborts before that, the thread is ended.
 *
 * @param entry - Another thread, for tests of threads that misbehave.
 * @throws Error that says why the model cannot be used; the signal's reason.
 */
export async function startEngineThread(setup: EngineSetup, signal: AbortSignal, entry = ENTRY): Promise<EngineThread> {
  signal.throwIfAborted();
  const worker = new Worker(entry, { ...loaderOf(entry), workerData: setup, name: 'lamplighter-onnx' });
  let isAlive = true;
  /** What waits for the next report. */
  let waiting: { resolve(report: ThreadReport): void; reject(error: Error): void } | undefined;
  const end = (error: Error) => {
    isAlive = false;
    waiting?.reject(error);
    waiting = undefined;
  };
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (report: ThreadReport) => {
    waiting?.resolve(report);
    waiting = undefined;
  });
  worker.on('error', (error) => end(new Error(`The engine's thread failed: ${messageOf(error)}`, { cause: error })));
  worker.on('messageerror', (error) => end(error));
  worker.once('exit', (code) => end(new Error(`The engine's thread ended with code ${code}`)));

  const nextReport = () =>
    new Promise<ThreadReport>((resolve, reject) => {
      if (isAlive) waiting = { resolve, reject };
      else reject(new Error("The engine's thread has ended"));
    });
  /** Ends the thread without its consent; what native code it is in runs to its end first. */
  const kill = (error: Error) => {
    end(error);
    void worker.terminate();
  };

  const abortLoad = () => kill(new Error('The load was aborted'));
  signal.addEventListener('abort', abortLoad, { once: true });
  const first = await nextReport()
    .finally(() => signal.removeEventListener('abort', abortLoad))
    .catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
  if (first.kind !== 'ready') {
    kill(new Error('The model cannot be used'));
    throw new Error('message' in first ? first.message : 'The thread answered before it was asked');
  }

  let closing: Promise<void> | undefined;
  return {
    facts: first.facts,
    get isAlive() {
      return isAlive;
    },
    async call(request, callSignal) {
      callSignal.throwIfAborted();
      const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
      const answered = new AbortController();
      const cancel = () => {
        Atomics.store(cancelled, 0, 1);
        void systemClock.delay(STOP_TIMEOUT_MS, answered.signal).then(() => {
          if (!answered.signal.aborted) kill(new Error("The engine's thread did not stop when it was told to"));
        });
      };
      callSignal.addEventListener('abort', cancel, { once: true });
      try {
        const report = nextReport();
        worker.postMessage({ ...request, cancelled } satisfies ThreadRequest);
        const given = await report;
        callSignal.throwIfAborted();
        if (given.kind === 'answered') return given.answer;
        throw new Error('message' in given ? given.message : 'The thread gave no answer');
      } finally {
        answered.abort();
        callSignal.removeEventListener('abort', cancel);
      }
    },
    close() {
      closing ??= closeThread();
      return closing;
    },
  };

  async function closeThread(): Promise<void> {
    if (isAlive) worker.postMessage({ kind: 'close' } satisfies ThreadRequest);
    const ended = new AbortController();
    void exited.then(() => ended.abort());
    await systemClock.delay(STOP_TIMEOUT_MS, ended.signal);
    if (!ended.signal.aborted) kill(new Error("The engine's thread did not close"));
  }
}

/**
 * Not every supported Node can run TypeScript: sources bring the loader that development uses. It is registered by hand, as `--import tsx`
 * does nothing in a thread.
 */
function loaderOf(entry: URL): WorkerOptions {
  if (!entry.pathname.endsWith('.ts')) return {};
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const register = `import { register } from ${loader}; register();`;
  return { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(register)}`] };
}
