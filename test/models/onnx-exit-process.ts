/** Ends with code 7 while a thread that stands in for an engine is inside it, and leaves only when it is told to stop. */
import { once } from 'node:events';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { guardExit } from '../../src/models/onnx/exit-guard.ts';
import { createThreadControl } from '../../src/models/onnx/thread-control.ts';

const THREAD = `
  const { parentPort, workerData: { state } } = require('node:worker_threads');
  Atomics.store(state, 1, 1);
  parentPort.postMessage('inside');
  while (Atomics.load(state, 0) === 0);
  require('node:fs').writeSync(1, 'left the engine\\n');
  Atomics.store(state, 1, 0);
  Atomics.notify(state, 1);
`;

const control = createThreadControl();
guardExit(control);
await once(new Worker(THREAD, { eval: true, workerData: control }), 'message');
process.exit(7);
