import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { type EngineReport, type EngineRequest, LIFELINE_FD } from './engine-messages.ts';

/** The child's side of the connection to the process that started it. */
export interface ParentLink {
  /** Resolves once the parent is sure to get the message, whatever becomes of this process then. */
  report(message: EngineReport): Promise<void>;
}

/** The parent decides when this process ends: Ctrl-C and a stop of the whole service reach both. */
const IGNORED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Where memory runs out, the kernel rather takes an engine, which is started again, than a worker or a database. From 0 to 1000; raising
 * it takes no right.
 */
const OOM_SCORE_ADJUSTMENT = '500';

/**
 * A thread that does nothing but wait for the end of the parent. The main thread cannot: it may be inside the engine, for seconds or for
 * ever. It is plain JavaScript in a text, so that it needs no file and no loader.
 */
const LIFELINE = `
const { Socket } = require('node:net');
const end = () => process.kill(process.pid, 'SIGKILL');
new Socket({ fd: ${LIFELINE_FD}, readable: true, writable: false }).on('error', end).on('close', end).resume();
`;

/** What the thread needs at most; without limits it would reserve as much as a whole program. */
const LIFELINE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Ties this process to its parent: it hears requests, and it ends, by SIGKILL, as soon as the parent does, however that comes about.
 *
 * @throws Error when the process was not forked.
 */
export function connectToParent(onRequest: (request: EngineRequest) => void): ParentLink {
  const send = process.send?.bind(process);
  if (send === undefined) throw new Error('An engine is started by the program, not by hand');
  // What an engine starts itself, such as node-llama-cpp a trial of its build, needs no loader for sources.
  process.execArgv.length = 0;
  for (const signal of IGNORED) process.on(signal, () => undefined);
  const end = () => process.kill(process.pid, 'SIGKILL');
  process.on('disconnect', end);
  new Worker(LIFELINE, { eval: true, execArgv: [], env: {}, resourceLimits: LIFELINE_LIMITS }).on('error', end);
  try {
    writeFileSync('/proc/self/oom_score_adj', OOM_SCORE_ADJUSTMENT);
  } catch {
    // Not Linux, or not allowed: then the kernel chooses by size alone.
  }
  // What comes is from the parent, which is the same program.
  process.on('message', (message) => onRequest(message as EngineRequest));
  return {
    report: (message) =>
      new Promise((resolve) => {
        // A message that cannot be sent means that the parent is gone, and so is this process in a moment.
        send(message, undefined, {}, () => resolve());
      }),
  };
}
