import { backoffMs } from '../core/backoff.ts';
import { messageOf } from '../core/errors.ts';
import { groupBy } from '../core/group-by.ts';
import type { Queryable } from '../db/query.ts';
import { answerRequests } from '../models/answer-requests.ts';
import { cacheKey } from '../models/cache-key.ts';
import type { ItemOutcome, ModelError } from '../models/outcome.ts';
import type { Model } from '../models/port.ts';
import { type ParsedRequest, parseRequest } from '../models/request-parameters.ts';
import type { Outcome } from '../requests/finish-requests.ts';
import { lookupCachedResults } from '../requests/lookup-cached-results.ts';
import type { HeldRequest } from './in-flight.ts';

/** Longest error text that is stored with a request. */
const ERROR_LIMIT = 2_000;

export type Report = (held: HeldRequest, outcome: Outcome) => void;

export interface Answerer {
  /** Answers a batch of one lane, reporting each request as soon as its outcome is known. */
  answer(model: Model, batch: readonly HeldRequest[], signal: AbortSignal, report: Report): Promise<void>;
}

/** Equal requests: computed once, answered each. */
interface Group {
  readonly parsed: ParsedRequest;
  /** Undefined where the answer is not to be shared. */
  readonly key: Buffer | undefined;
  readonly members: HeldRequest[];
}

/**
 * Turns requests into outcomes: reads their parameters, takes what is cached, lets equal requests of this process share one
 * computation, asks the model for the rest and writes the answers down as the queue stores them.
 */
export function createAnswerer(db: Queryable): Answerer {
  /** Computations in progress by cache key; the text, or undefined when it came to nothing. */
  const computing = new Map<string, Promise<string | undefined>>();

  async function takeCached(groups: readonly Group[], report: Report): Promise<Group[]> {
    const keys = groups.flatMap(({ key }) => (key === undefined ? [] : [key]));
    if (keys.length === 0) return [...groups];
    const cached = await lookupCachedResults(db, keys);
    return groups.filter((group) => {
      const result = group.key === undefined ? undefined : cached.get(group.key.toString('hex'));
      if (result === undefined) return true;
      for (const held of group.members) report(held, { kind: 'completed', result });
      return false;
    });
  }

  async function compute(model: Model, groups: readonly Group[], signal: AbortSignal, report: Report): Promise<void> {
    if (groups.length === 0) return;
    const finished = new Map<string, (result: string | undefined) => void>();
    for (const { key } of groups) {
      if (key === undefined) continue;
      const name = key.toString('hex');
      computing.set(name, new Promise((resolve) => finished.set(name, resolve)));
    }
    try {
      const requests = groups.map(({ parsed }) => parsed.request);
      const answers = await answerRequests(model, requests, signal);
      groups.forEach(({ key, members }, position) => {
        const answer = answers[position];
        if (answer === undefined) return;
        for (const held of members) report(held, outcomeOf(held, answer, key));
        if (key !== undefined && answer.ok) finished.get(key.toString('hex'))?.(answer.value);
      });
    } finally {
      for (const [name, resolve] of finished) {
        resolve(undefined);
        computing.delete(name);
      }
    }
  }

  return {
    async answer(model, batch, signal, report) {
      const groups = groupEqual(model, batch, report);
      const missing = await takeCached(groups, report);
      const isRunning = ({ key }: Group) => key !== undefined && computing.has(key.toString('hex'));
      const own = missing.filter((group) => !isRunning(group));
      // First our own, then what others compute: whoever waits has nothing left that somebody could wait for.
      const shared = missing
        .filter(isRunning)
        .map((group) => ({ group, result: computing.get(group.key?.toString('hex') ?? '') }));
      await compute(model, own, signal, report);
      const orphaned: Group[] = [];
      for (const { group, result } of shared) {
        const text = await result;
        if (text === undefined) orphaned.push(group);
        else for (const held of group.members) report(held, { kind: 'completed', result: text });
      }
      if (orphaned.length > 0 && !signal.aborted) await compute(model, orphaned, signal, report);
    },
  };
}

function groupEqual(model: Model, batch: readonly HeldRequest[], report: Report): Group[] {
  const parsed = batch.flatMap((held) => {
    const answer = parseRequest(held.request.lane.functionName, held.request.parameters);
    if (answer.ok) {
      const isShared = answer.value.useCache && model.isCacheable;
      return [{ held, parsed: answer.value, key: isShared ? cacheKey(model, answer.value.request) : undefined }];
    }
    report(held, outcomeOf(held, answer, undefined));
    return [];
  });
  return [...groupBy(parsed, ({ held, key }) => key?.toString('hex') ?? held)].flatMap(([, members]) => {
    const [first] = members;
    return first === undefined
      ? []
      : [{ parsed: first.parsed, key: first.key, members: members.map(({ held }) => held) }];
  });
}

function outcomeOf({ request }: HeldRequest, answer: ItemOutcome<string>, key: Buffer | undefined): Outcome {
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
      return { kind: 'defer', error: text, delayMs: error.retryAfterMs ?? backoffMs(retryCount + 2) };
  }
}

/** PostgreSQL's text has no NUL. */
function storable(message: string): string {
  return messageOf(message).replaceAll('\0', '').slice(0, ERROR_LIMIT);
}
