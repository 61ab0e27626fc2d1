import { backoffMs } from '../../../core/backoff.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Queryable } from '../../../db/query.ts';
import { answerRequests } from '../../../models/answer-requests.ts';
import { traceModelCall } from '../../../models/call-span.ts';
import { failed, type ItemOutcome, type ModelError } from '../../../models/outcome.ts';
import type { Model } from '../../../models/port.ts';
import { cacheKey, type ParsedRequest, parseRequest } from '../../../models/request-parameters.ts';
import { lookupCachedResults } from '../../../requests/cached-results.ts';
import type { Outcome } from '../../../requests/finish-requests.ts';
import type { InFlightRequest } from '../in-flight.ts';
import type { Answered } from './model-health.ts';

/** Longest error text that is stored with a request. */
const ERROR_LIMIT = 2_000;
/** Longest pause that a provider may ask for. */
const RETRY_AFTER_LIMIT_MS = 3_600_000;

/** Told how a batch comes along. */
export interface BatchListener {
  /** How long the model may be at the same requests. */
  readonly limitMs: number;
  /** The model is at these requests from now on, and at no others of the batch. */
  working(entries: readonly InFlightRequest[]): void;
  ended(entry: InFlightRequest, outcome: Outcome): void;
}

export interface Answerer {
  /** Answers a batch of one lane, and tells of each request as soon as its outcome is known. */
  answer(model: Model, batch: readonly InFlightRequest[], signal: AbortSignal, listener: BatchListener): Promise<void>;
}

/** Equal requests: computed once, answered each. */
interface Group {
  readonly parsed: ParsedRequest;
  /** Undefined where the answer is not to be shared. */
  readonly key: Buffer | undefined;
  /** The key as text; undefined likewise. */
  readonly name: string | undefined;
  readonly members: InFlightRequest[];
}

/** The text of a computation, or undefined when it came to nothing. */
type Computation = Promise<string | undefined>;

/**
 * Turns requests into outcomes: reads their parameters, takes what is cached, lets equal requests of this process share one
 * computation, asks the model for the rest and writes the answers down as the queue stores them. `onAnswers` is told what the model said.
 */
export function createAnswerer(
  db: Queryable,
  onAnswers: (model: Model, answers: readonly Answered[]) => void = () => undefined,
): Answerer {
  /** Computations by cache key, from their start until what they gave is recorded, where the look-up finds it. */
  const computing = new Map<string, Computation>();
  const computationOf = ({ name }: Group) => (name === undefined ? undefined : computing.get(name));

  async function takeCached(groups: readonly Group[], listener: BatchListener): Promise<Group[]> {
    const keys = groups.flatMap(({ key }) => (key === undefined ? [] : [key]));
    if (keys.length === 0) return [...groups];
    const cached = await lookupCachedResults(db, keys);
    return groups.filter(({ name, members }) => {
      const result = name === undefined ? undefined : cached.get(name);
      if (result === undefined) return true;
      for (const entry of members) {
        entry.span?.setAttribute('lamplighter.cached', true);
        listener.ended(entry, { kind: 'completed', result });
      }
      return false;
    });
  }

  /** Announces a computation that others may wait for; the function that ends it. */
  function announce(name: string, members: readonly InFlightRequest[]): (text: string | undefined) => void {
    let resolve: (text: string | undefined) => void = () => undefined;
    const computation: Computation = new Promise((settle) => {
      resolve = settle;
    });
    computing.set(name, computation);
    const forget = () => {
      if (computing.get(name) === computation) computing.delete(name);
    };
    return (text) => {
      resolve(text);
      if (text === undefined) forget();
      else void Promise.all(members.map(({ settled }) => settled)).then(forget);
    };
  }

  async function compute(
    model: Model,
    groups: readonly Group[],
    signal: AbortSignal,
    listener: BatchListener,
  ): Promise<void> {
    if (groups.length === 0) return;
    const endings = groups.map(({ name, members }) => (name === undefined ? undefined : announce(name, members)));
    const answered: Answered[] = [];
    const ended = (position: number, answer: ItemOutcome<string>) => {
      const { key = undefined, members = [] } = groups[position] ?? {};
      for (const entry of members) {
        listener.ended(entry, outcomeOf(entry, answer, key));
        answered.push({ entry, answer });
      }
      endings[position]?.(answer.ok ? answer.value : undefined);
      endings[position] = undefined;
    };
    const working = (positions: readonly number[]) =>
      listener.working(positions.flatMap((position) => groups[position]?.members ?? []));
    try {
      const requests = groups.map(({ parsed }) => parsed.request);
      const askers = () => groups.flatMap(({ members }) => members.flatMap(({ span }) => span ?? []));
      const functionName = groups[0]?.parsed.request.function ?? 'embed';
      await traceModelCall({ model, functionName, itemCount: groups.length, askers }, () =>
        answerRequests(model, requests, signal, { limitMs: listener.limitMs, working, ended }),
      );
    } finally {
      working([]);
      onAnswers(model, answered);
      for (const end of endings) end?.(undefined);
    }
  }

  /** One round; the groups whose answer others were computing in vain. */
  async function answerGroups(
    model: Model,
    groups: readonly Group[],
    signal: AbortSignal,
    listener: BatchListener,
  ): Promise<Group[]> {
    const awaited: { readonly group: Group; readonly computation: Computation }[] = [];
    const leaveToOthers = (group: Group) => {
      const computation = computationOf(group);
      if (computation !== undefined) awaited.push({ group, computation });
      return computation === undefined;
    };
    // Before the look-up, as a computation may end and be forgotten during it; and after it, as others may have begun.
    const missing = await takeCached(groups.filter(leaveToOthers), listener);
    const own = missing.filter(leaveToOthers);
    // Beside our own, which waits for none of these: nobody waits in a circle, nor for a slow neighbour.
    const orphans = awaited.map(async ({ group, computation }) => {
      const result = await computation;
      if (result === undefined) return [group];
      for (const entry of group.members) listener.ended(entry, { kind: 'completed', result });
      return [];
    });
    await compute(model, own, signal, listener);
    return (await Promise.all(orphans)).flat();
  }

  return {
    async answer(model, batch, signal, listener) {
      let groups = groupEqual(model, batch, listener);
      while (groups.length > 0) {
        signal.throwIfAborted();
        groups = await answerGroups(model, groups, signal, listener);
      }
    },
  };
}

function groupEqual(model: Model, batch: readonly InFlightRequest[], listener: BatchListener): Group[] {
  const groups: Group[] = [];
  const byName = new Map<string, Group>();
  for (const entry of batch) {
    const answer = read(model, entry);
    if (!answer.ok) {
      listener.ended(entry, outcomeOf(entry, answer, undefined));
      continue;
    }
    const { parsed, key, name } = answer.value;
    const equal = name === undefined ? undefined : byName.get(name);
    if (equal !== undefined) {
      equal.members.push(entry);
      continue;
    }
    const group = { parsed, key, name, members: [entry] };
    groups.push(group);
    if (name !== undefined) byName.set(name, group);
  }
  return groups;
}

/** What a request asks for. Whatever its row holds, it can fail nothing but itself. */
function read(model: Model, { request }: InFlightRequest): ItemOutcome<Omit<Group, 'members'>> {
  try {
    const answer = parseRequest(request.lane.functionName, request.parameters);
    if (!answer.ok) return answer;
    const isShared = answer.value.useCache && model.isCacheable;
    const key = isShared ? cacheKey(model, answer.value.request) : undefined;
    return { ok: true, value: { parsed: answer.value, key, name: key?.toString('hex') } };
  } catch (error) {
    return failed(`The request could not be read: ${messageOf(error)}`, error);
  }
}

function outcomeOf({ request }: InFlightRequest, answer: ItemOutcome<string>, key: Buffer | undefined): Outcome {
  return answer.ok
    ? { kind: 'completed', result: answer.value, cacheKey: key }
    : failureOf(answer.error, request.retryCount);
}

function failureOf(error: ModelError, retryCount: number): Outcome {
  const text = storable(error.message);
  switch (error.kind) {
    case 'invalid':
      return { kind: 'failed', error: text };
    case 'failed':
      return { kind: 'retry', error: text, delayMs: backoffMs(retryCount + 1) };
    case 'unavailable':
      return { kind: 'defer', error: text, delayMs: pauseOf(error.retryAfterMs) ?? backoffMs(retryCount + 2) };
  }
}

/** A provider's own word on when to call again, as far as it makes sense. */
function pauseOf(retryAfterMs: number | undefined): number | undefined {
  if (retryAfterMs === undefined || Number.isNaN(retryAfterMs)) return undefined;
  return Math.min(Math.max(retryAfterMs, 0), RETRY_AFTER_LIMIT_MS);
}

/** PostgreSQL's text has no NUL. */
function storable(message: string): string {
  return messageOf(message).replaceAll('\0', '').slice(0, ERROR_LIMIT);
}
