import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { isLamplighterError, messageOf } from '../../core/errors.ts';
import type { ItemOutcome } from '../outcome.ts';
import {
  type EngineEnd,
  type EngineReport,
  type EngineRequest,
  type EngineValue,
  type EngineWork,
  LIFELINE_FD,
} from './engine-messages.ts';

/** Longest time that work goes on before a message of the parent is read. */
const DEAF_MS = 10;

/** A model that is open in this process. */
export interface Engine {
  /** Plain data for the parent. */
  readonly facts: unknown;
  /** Answers each item by `call.ended`; rejects when the rest came to nothing, and soon after the signal aborts. */
  answer(work: EngineWork, call: EngineCall): Promise<void>;
}

/** How an engine says how far it is with a call. */
export interface EngineCall {
  /** Aborts when nobody wants the answers any more; only seen where the event loop gets its turn, as in the methods below. */
  readonly signal: AbortSignal;
  /**
   * Says which items are worked on from now on. Resolves once the parent is sure to know, so that a crash is held against these alone.
   *
   * @throws The signal's reason.
   */
  working(positions: readonly number[]): Promise<void>;
  ended(position: number, outcome: ItemOutcome<EngineValue>): void;
  /** Lets a cancel come in every 10 ms: await it in long loops. Throws like `working`. */
  breathe(): Promise<void>;
}

/** Makes this process the engine of its parent: it opens the requested model, then answers calls until it is ended. */
export function serveEngine(open: (setup: unknown) => Promise<Engine>): void {
  let engine: Promise<Engine> | undefined;
  let controller = new AbortController();
  const handle = async (request: EngineRequest) => {
    if (request.kind === 'open') {
      engine = open(request.setup);
      await link.report(await openingOf(engine));
    } else if (request.kind === 'cancel') {
      controller.abort(new Error('The call was cancelled'));
    } else if (engine !== undefined) {
      controller = new AbortController();
      await answer(await engine, request.work, controller.signal, link);
    }
  };
  const link = connectToParent((request) => void handle(request));
}

async function openingOf(opening: Promise<Engine>): Promise<EngineReport> {
  try {
    return { kind: 'ready', facts: (await opening).facts };
  } catch (error) {
    return {
      kind: 'unusable',
      message: messageOf(error),
      hint: isLamplighterError(error) ? error.hint : undefined,
    };
  }
}

async function answer(engine: Engine, work: EngineWork, signal: AbortSignal, link: ParentLink): Promise<void> {
  let ends: EngineEnd[] = [];
  let heardMs = systemClock.nowMs();
  const listen = async () => {
    await nextTurn();
    heardMs = systemClock.nowMs();
    signal.throwIfAborted();
  };
  const takeEnds = () => {
    const taken = ends;
    ends = [];
    return taken;
  };
  const call: EngineCall = {
    signal,
    async working(positions) {
      await link.report({ kind: 'progress', ends: takeEnds(), working: positions });
      await listen();
    },
    ended: (position, outcome) => ends.push([position, sendable(outcome)]),
    async breathe() {
      if (systemClock.nowMs() - heardMs >= DEAF_MS) await listen();
    },
  };
  let failure: string | undefined;
  try {
    await engine.answer(work, call);
  } catch (error) {
    failure = messageOf(error);
  }
  await link.report({ kind: 'over', ends: takeEnds(), failure });
}

/** The outcome without its cause: not everything that is thrown can be sent. */
function sendable(outcome: ItemOutcome<EngineValue>): ItemOutcome<EngineValue> {
  if (outcome.ok) return outcome;
  const { cause: _, ...error } = outcome.error;
  return { ok: false, error };
}

/** The child's side of the connection to the process that started it. */
interface ParentLink {
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
function connectToParent(onRequest: (request: EngineRequest) => void): ParentLink {
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
