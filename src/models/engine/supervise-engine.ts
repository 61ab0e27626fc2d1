import { stat } from 'node:fs/promises';
import { backoffMs } from '../../core/backoff.ts';
import { systemClock } from '../../core/clock.ts';
import { formatDuration } from '../../core/duration.ts';
import { messageOf } from '../../core/errors.ts';
import { createTroubles } from '../../core/recurring-trouble.ts';
import type { CallProgress } from '../call-progress.ts';
import { failed, type ItemOutcome, unavailable } from '../outcome.ts';
import type { GenerateItem, RerankItem } from '../port.ts';
import { untilAborted } from '../until-aborted.ts';
import type { EngineValue, EngineWork } from './engine-messages.ts';
import { EngineDeath, type EngineProcess, type EngineProcessOptions, startEngineProcess } from './engine-process.ts';

/** Pause before an engine is started that has ended twice or more without having answered a call in between. */
const PAUSE = { baseMs: 200, capMs: 10_000 };
/** Longest restart, but for engines whose first start took a tenth of it or more: loading from a cold disk takes its time. */
const LEAST_RESTART_LIMIT_MS = 600_000;
const RESTART_LIMIT_STARTS = 10;
/** Ends in one call for which no item can be blamed, after which the call is given up. */
const BLAMELESS_DEATHS = 3;

type Run<Item, Value> = (
  items: readonly Item[],
  signal: AbortSignal,
  progress?: CallProgress<Value>,
) => Promise<readonly ItemOutcome<Value>[]>;

/**
 * A model that outlives its process. Calls take turns.
 *
 * When the process ends, those items that were worked on are run again in halves, in a new one, until the item that ends it stands alone: it
 * is `failed`, with the signal's name. All others are answered. While no process can be started, items are `unavailable`.
 *
 * Calls reject with the signal's reason when it aborts, and with what the engine says when it could not answer.
 */
export interface SupervisedEngine {
  /** The facts of the first process. */
  readonly facts: unknown;
  readonly embed: Run<string, Float32Array>;
  readonly embedImages: Run<Uint8Array, Float32Array>;
  /** Where the tokens of a text end. */
  readonly tokenize: Run<string, Uint32Array>;
  readonly rerank: Run<RerankItem, readonly number[]>;
  readonly generate: Run<GenerateItem, string>;
  /** Waits for the calls in progress, then ends the process; idempotent, never rejects. */
  close(): Promise<void>;
}

export interface SuperviseOptions extends EngineProcessOptions {
  /** The model's, for people. */
  readonly name: string;
  /** What the model is made of: another start opens only what the first one opened, as answers are kept under its hash. */
  readonly files: readonly string[];
  /** How long another start may take before the process is ended and tried anew. @default 10 minutes, or 10 times the first start */
  readonly restartLimitMs?: number;
}

/**
 * Starts an engine in a process of its own and keeps it answering.
 *
 * @throws LamplighterError MODEL_FAILED when it cannot be started; the signal's reason.
 */
export async function startSupervisedEngine(options: SuperviseOptions, signal: AbortSignal): Promise<SupervisedEngine> {
  const { name } = options;
  const log = options.log.child({ model: name });
  const trouble = createTroubles({ log, clock: systemClock }).define(`keep the engine of ${name} running`);
  const startedMs = systemClock.nowMs();
  const opened = await Promise.all(options.files.map(stateOf));
  let engine = await startEngineProcess({ ...options, log }, signal);
  const {
    restartLimitMs = Math.max(LEAST_RESTART_LIMIT_MS, RESTART_LIMIT_STARTS * (systemClock.nowMs() - startedMs)),
  } = options;
  const { facts } = engine;
  /** One attempt that all calls wait for; it goes on when they have left, as a large model may take longer than any of them waits. */
  let restarting: Promise<EngineProcess> | undefined;
  /** Since a call was answered last. */
  let deaths = 0;
  let tail: Promise<void> = Promise.resolve();
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  async function restart(): Promise<EngineProcess> {
    if (deaths > 1) await systemClock.delay(backoffMs(deaths - 1, undefined, PAUSE), closing.signal);
    const limit = new AbortController();
    const settled = new AbortController();
    void systemClock.delay(restartLimitMs, settled.signal).then(() => {
      if (!settled.signal.aborted) limit.abort(new Error(`It did not start within ${formatDuration(restartLimitMs)}`));
    });
    try {
      const found = await Promise.all(options.files.map(stateOf));
      // One that is gone is the engine's to tell.
      const changed = options.files.find((_, at) => found[at] !== undefined && found[at] !== opened[at]);
      if (changed !== undefined) {
        throw new Error(
          `${changed} has changed since this worker loaded it: restart the worker to use what is there now`,
        );
      }
      engine = await startEngineProcess({ ...options, log }, AbortSignal.any([closing.signal, limit.signal]));
      return engine;
    } catch (error) {
      deaths += 1;
      trouble.note(error);
      throw error;
    } finally {
      settled.abort();
      restarting = undefined;
    }
  }

  function alive(callSignal: AbortSignal): Promise<EngineProcess> | EngineProcess {
    if (engine.isAlive) return engine;
    restarting ??= restart();
    return untilAborted(restarting, callSignal);
  }

  async function answer(
    work: EngineWork,
    callSignal: AbortSignal,
    progress: CallProgress<EngineValue> | undefined,
  ): Promise<ItemOutcome<EngineValue>[]> {
    const outcomes = new Map<number, ItemOutcome<EngineValue>>();
    const end = (position: number, outcome: ItemOutcome<EngineValue>) => {
      outcomes.set(position, outcome);
      progress?.ended(position, outcome);
    };
    const open = (positions: readonly number[]) => positions.filter((position) => !outcomes.has(position));
    const giveUp = (cause: unknown) => {
      const message = `The engine of ${name} ended and could not be started again: ${messageOf(cause)}`;
      for (const position of open([...work.items.keys()])) end(position, unavailable(message, { cause }));
    };
    let blameless = 0;
    let parts: (readonly number[])[] = [[...work.items.keys()]];
    for (let [part] = parts; part !== undefined; [part] = parts) {
      parts.shift();
      const asked = part;
      let working: readonly number[] = [];
      const begin = (positions: readonly number[]) => {
        working = positions;
        progress?.working(positions);
      };
      begin([]);
      let current: EngineProcess;
      try {
        current = await alive(callSignal);
      } catch (error) {
        callSignal.throwIfAborted();
        giveUp(error);
        break;
      }
      try {
        await current.call(pick(work, asked), callSignal, {
          working: (positions) => begin(positions.map((at) => asked[at] ?? at)),
          ended: ([at, outcome]) => end(asked[at] ?? at, outcome),
        });
        deaths = 0;
        trouble.settle();
        for (const position of open(asked)) end(position, failed('The engine gave no answer'));
      } catch (error) {
        callSignal.throwIfAborted();
        if (!(error instanceof EngineDeath)) throw error;
        deaths += 1;
        trouble.note(`it ${error.message}`, { lastWords: error.lastWords });
        const left = open(asked);
        const quarantined = left.filter((position) => working.includes(position));
        const [only] = quarantined;
        if (quarantined.length === 0) blameless += 1;
        if (blameless > BLAMELESS_DEATHS) {
          giveUp(error);
          break;
        }
        if (quarantined.length === 1 && only !== undefined) {
          end(only, failed(`The engine of ${name} ${error.message} while it ran this request`, error));
        }
        const middle = Math.ceil(quarantined.length / 2);
        const rest = left.filter((position) => !quarantined.includes(position));
        const halves = quarantined.length > 1 ? [quarantined.slice(0, middle), quarantined.slice(middle)] : [];
        // What has nothing to do with it goes first: each further end of the process costs the time of a start.
        parts = [rest, ...parts, ...halves].filter(({ length }) => length > 0);
      }
    }
    return [...work.items.keys()].map((position) => outcomes.get(position) ?? failed('The engine gave no answer'));
  }

  /** One at a time, in the order asked; one that is aborted while it waits leaves at once. */
  async function inTurn<T>(callSignal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const before = tail;
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    tail = before.then(() => left);
    try {
      await untilAborted(before, callSignal);
      return await run();
    } finally {
      leave();
    }
  }

  const call = async (work: EngineWork, callSignal: AbortSignal, progress?: CallProgress<EngineValue>) => {
    if (closed !== undefined) throw new Error('The model is closed');
    progress?.working([]);
    return inTurn(callSignal, () => answer(work, callSignal, progress));
  };
  return {
    facts,
    // The engine answers a call of a kind with values of that kind.
    embed: async (items, callSignal, progress) =>
      (await call({ method: 'embed', items }, callSignal, progress)) as ItemOutcome<Float32Array>[],
    embedImages: async (items, callSignal, progress) =>
      (await call({ method: 'embed_images', items }, callSignal, progress)) as ItemOutcome<Float32Array>[],
    tokenize: async (items, callSignal, progress) =>
      (await call({ method: 'tokenize', items }, callSignal, progress)) as ItemOutcome<Uint32Array>[],
    rerank: async (items, callSignal, progress) =>
      (await call({ method: 'rerank', items }, callSignal, progress)) as ItemOutcome<readonly number[]>[],
    generate: async (items, callSignal, progress) =>
      (await call({ method: 'generate', items }, callSignal, progress)) as ItemOutcome<string>[],
    close() {
      closed ??= tail.then(async () => {
        closing.abort(new Error('The model is closed'));
        await restarting?.catch(() => undefined);
        await engine.end();
      });
      return closed;
    },
  };
}

/** Differs when a file was replaced or written to; undefined where there is none. */
async function stateOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`;
}

/** The same work for some of its items. */
function pick(work: EngineWork, positions: readonly number[]): EngineWork {
  if (positions.length === work.items.length) return work;
  // Items of one kind stay so.
  return { ...work, items: positions.map((position) => work.items[position]) } as EngineWork;
}
