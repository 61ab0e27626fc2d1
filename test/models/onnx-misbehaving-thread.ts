/**
 * Stands in for the thread of a model. What a text says is what it does: `exit`, `throw`, `wait` (until it is cancelled), `refuse`; any
 * other text gets a vector that holds the number of the thread. It cannot be used when its weights are gone.
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { ThreadData, ThreadReport, ThreadRequest } from '../../src/models/onnx/thread-messages.ts';

const { weightsPath } = (workerData as ThreadData).setup;
const report = (message: ThreadReport) => parentPort?.postMessage(message);

parentPort?.on('message', (request: ThreadRequest) => {
  if (request.kind === 'close') {
    parentPort?.close();
    return;
  }
  const texts = request.kind === 'embed' ? request.texts : [];
  if (texts.includes('exit')) process.exit(3);
  if (texts.includes('throw')) throw new Error('out of order');
  if (texts.includes('wait')) waitUntilCancelled(request.cancelled);
  if (texts.includes('wait') || texts.includes('refuse')) report({ kind: 'failed', message: 'told to refuse' });
  else report({ kind: 'answered', answer: texts.map(() => ({ ok: true, value: Float32Array.of(threadId) })) });
});

if (!existsSync(weightsPath)) report({ kind: 'unusable', message: 'its weights are gone' });
else report({ kind: 'ready', facts: { dimensions: 16, isBatchable: true, tokensPerSecond: 1_000 } });

/** Gives up long after a test would. */
function waitUntilCancelled(cancelled: Int32Array): void {
  while (Atomics.load(cancelled, 0) === 0 && Atomics.wait(cancelled, 0, 0, 30_000) !== 'timed-out');
}
