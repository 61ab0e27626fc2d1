import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../core/clock.ts';
import { isLamplighterError, messageOf } from '../../core/errors.ts';
import type { ItemOutcome } from '../outcome.ts';
import type { EngineEnd, EngineReport, EngineRequest, EngineValue, EngineWork } from './engine-messages.ts';
import { connectToParent, type ParentLink } from './parent-link.ts';

/** For how long work may go on without a look at what the parent says. */
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
  /** To be awaited in long loops: lets a cancel come in every 10 ms. Throws like `working`. */
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

/** Without its cause: not everything that is thrown can be sent. */
function sendable(outcome: ItemOutcome<EngineValue>): ItemOutcome<EngineValue> {
  if (outcome.ok) return outcome;
  const { cause: _, ...error } = outcome.error;
  return { ok: false, error };
}
