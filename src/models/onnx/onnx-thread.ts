/**
 * The thread that runs one model: the engine blocks the thread it runs in for as long as a batch takes. Opens the model it is given as
 * `workerData`, then answers one call after the other until it is told to close.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import { type Engine, openEngine } from './engine.ts';
import type { EngineAnswer, ThreadData, ThreadReport, ThreadRequest } from './thread-messages.ts';

const report = (message: ThreadReport, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

async function answer(engine: Engine, request: Exclude<ThreadRequest, { kind: 'close' }>): Promise<EngineAnswer> {
  const isCancelled = () => Atomics.load(request.cancelled, 0) !== 0;
  return request.kind === 'embed'
    ? engine.embed(request.texts, isCancelled)
    : engine.rerank(request.items, isCancelled);
}

async function handle(engine: Engine, request: ThreadRequest): Promise<void> {
  if (request.kind === 'close') {
    // What cannot be released any more goes with the thread.
    await engine.close().catch(() => undefined);
    parentPort?.close();
    return;
  }
  try {
    const given = await answer(engine, request);
    report({ kind: 'answered', answer: given }, buffersOf(given));
  } catch (error) {
    report({ kind: 'failed', message: messageOf(error) });
  }
}

/** What is handed over instead of copied: each vector has a buffer of its own. */
function buffersOf(given: EngineAnswer): ArrayBuffer[] {
  return given.flatMap((outcome) =>
    outcome.ok && outcome.value instanceof Float32Array && outcome.value.buffer instanceof ArrayBuffer
      ? [outcome.value.buffer]
      : [],
  );
}

try {
  // What the parent put there.
  const { setup, control } = workerData as ThreadData;
  const engine = await openEngine(setup, control);
  parentPort?.on('message', (request: ThreadRequest) => void handle(engine, request));
  report({ kind: 'ready', facts: engine.facts });
} catch (error) {
  report({ kind: 'unusable', message: messageOf(error) });
}
