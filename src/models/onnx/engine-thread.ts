import { Worker, type WorkerOptions } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { guardExit } from './exit-guard.ts';
import { createThreadControl, tellToStop } from './thread-control.ts';
import type {
  EngineAnswer,
  EngineFacts,
  EngineSetup,
  ThreadData,
  ThreadReport,
  ThreadRequest,
} from './thread-messages.ts';

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
 * Starts a thread and resolves when its model can answer. When `signal` aborts before that, the thread is told to stop, and the promise
 * rejects once it has ended: a large model is read to its end first.
 *
 * @param entry - Another thread, for tests of threads that misbehave.
 * @throws Error that says why the model cannot be used; the signal's reason.
 */
export async function startEngineThread(setup: EngineSetup, signal: AbortSignal, entry = ENTRY): Promise<EngineThread> {
  signal.throwIfAborted();
  const control = createThreadControl();
  const data: ThreadData = { setup, control };
  const worker = new Worker(entry, { ...loaderOf(entry), workerData: data, name: 'lamplighter-onnx' });
  const forgetExit = guardExit(control);
  let isAlive = true;
  /** What waits for the next report. */
  let waiting: { resolve(report: ThreadReport): void; reject(error: Error): void } | undefined;
  /** No call is sent to the thread any more; what waits for it rejects. */
  const give = (error: Error) => {
    isAlive = false;
    waiting?.reject(error);
    waiting = undefined;
  };
  const exited = new AbortController();
  worker.on('message', (report: ThreadReport) => {
    waiting?.resolve(report);
    waiting = undefined;
  });
  worker.on('error', (error) => give(new Error(`The engine's thread failed: ${messageOf(error)}`, { cause: error })));
  worker.on('messageerror', (error) => give(error));
  worker.once('exit', (code) => {
    forgetExit();
    give(new Error(`The engine's thread ended with code ${code}`));
    exited.abort();
  });

  const nextReport = () =>
    new Promise<ThreadReport>((resolve, reject) => {
      if (isAlive) waiting = { resolve, reject };
      else reject(new Error("The engine's thread has ended"));
    });
  /** One that does not listen is left behind: it is stuck in the engine, and ending it by force would end the process. */
  const leaveBehind = (error: Error) => {
    give(error);
    tellToStop(control);
    worker.unref();
  };
  const close = async () => {
    if (!exited.signal.aborted) worker.postMessage({ kind: 'close' } satisfies ThreadRequest);
    await systemClock.delay(STOP_TIMEOUT_MS, exited.signal);
    if (!exited.signal.aborted) leaveBehind(new Error("The engine's thread did not close"));
  };

  const stop = () => tellToStop(control);
  signal.addEventListener('abort', stop, { once: true });
  const first = await nextReport().catch((error: unknown) => error);
  signal.removeEventListener('abort', stop);
  if (signal.aborted || !isReady(first)) {
    await close();
    signal.throwIfAborted();
    throw first instanceof Error ? first : new Error(reasonOf(first));
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
        Atomics.notify(cancelled, 0);
        void systemClock.delay(STOP_TIMEOUT_MS, answered.signal).then(() => {
          if (!answered.signal.aborted) leaveBehind(new Error("The engine's thread did not stop when it was told to"));
        });
      };
      callSignal.addEventListener('abort', cancel, { once: true });
      try {
        const report = nextReport();
        worker.postMessage({ ...request, cancelled } satisfies ThreadRequest);
        const given = await report;
        callSignal.throwIfAborted();
        if (given.kind === 'answered') return given.answer;
        throw new Error(reasonOf(given));
      } finally {
        answered.abort();
        callSignal.removeEventListener('abort', cancel);
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function isReady(report: unknown): report is Extract<ThreadReport, { kind: 'ready' }> {
  return typeof report === 'object' && report !== null && 'kind' in report && report.kind === 'ready';
}

/** What the thread said in place of what was asked. */
function reasonOf(report: unknown): string {
  const isWorded = typeof report === 'object' && report !== null && 'message' in report;
  return isWorded ? String(report.message).trim() : 'The thread gave no answer';
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
