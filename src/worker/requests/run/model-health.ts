import type { Clock } from '../../../core/clock.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import type { ItemOutcome } from '../../../models/outcome.ts';
import type { Model } from '../../../models/port.ts';
import type { ModelTrouble } from '../../../process/renew-lease.ts';
import { laneKey } from '../../../requests/claimed-request.ts';
import type { InFlightRequest } from '../in-flight.ts';
import type { ServedLanes } from '../lanes.ts';

/** Requests that are told apart when those that wait for a model are counted. */
const COUNT_LIMIT = 10_000;
/** Longest error that is published. */
const ERROR_LIMIT = 500;

export interface Answered {
  readonly entry: InFlightRequest;
  readonly answer: ItemOutcome<unknown>;
}

/** Which models are unavailable, from what they answer. */
export interface ModelHealth {
  /** Takes note of the answers to one call. */
  note(model: Model, answers: readonly Answered[]): void;
  /** The models that are unavailable now. */
  list(): ModelTrouble[];
}

interface Outage {
  readonly model: Model;
  readonly sinceMs: number;
  readonly waiting: Set<string>;
  error: string;
}

export interface ModelHealthDeps {
  readonly served: ServedLanes;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/**
 * A model is unavailable from the first call of which nothing was answered because of the model or its server, until the first call with
 * an answer, or of which no request was put off for that reason: whatever is wrong with them then, it is not the model that is away. Both are logged, with the model's own words, how long it was and how many requests it has put off.
 */
export function createModelHealth({ served, troubles, clock }: ModelHealthDeps): ModelHealth {
  const outages = new Map<string, Outage>();
  const known = new Map<string, Trouble>();

  function troubleOf({ name }: Model): Trouble {
    const trouble = known.get(name) ?? define(name);
    known.set(name, trouble);
    return trouble;
  }

  function define(name: string): Trouble {
    return troubles.define(`use the model ${name}`, {
      begins: `the model "${name}" is unavailable`,
      lasts: `the model "${name}" is still unavailable`,
      ends: `the model "${name}" is available again`,
      advice: 'its requests are not charged, and are tried again',
      count: () => countWaiting(outages.get(name)),
      isKept: true,
    });
  }

  function end(model: Model): void {
    if (!outages.has(model.name)) return;
    troubleOf(model).settle();
    outages.delete(model.name);
  }

  return {
    note(model, answers) {
      if (answers.length === 0) return;
      if (answers.some(({ answer }) => answer.ok)) {
        end(model);
        return;
      }
      const refused = answers.flatMap(({ entry, answer }) =>
        !answer.ok && answer.error.kind === 'unavailable' ? [{ entry, error: answer.error }] : [],
      );
      // A request that is refused for itself tells nothing where others find the model away: it may not have been asked.
      const [first] = refused;
      if (first === undefined) {
        end(model);
        return;
      }
      const { message } = first.error;
      const outage = outages.get(model.name) ?? { model, sinceMs: clock.nowMs(), waiting: new Set(), error: message };
      outage.error = message;
      for (const { entry } of refused) if (outage.waiting.size < COUNT_LIMIT) outage.waiting.add(entry.request.id);
      outages.set(model.name, outage);
      troubleOf(model).note(new Error(message, { cause: first.error.cause }), { model: model.name });
    },
    list: () =>
      [...outages.values()].map(({ model, sinceMs, waiting, error }) => ({
        model: model.name,
        lanes: served.lanes.filter((lane) => served.modelOf(lane) === model).map(laneKey),
        error: error.slice(0, ERROR_LIMIT),
        for_ms: Math.round(clock.nowMs() - sinceMs),
        waiting: waiting.size,
      })),
  };
}

function countWaiting(outage: Outage | undefined): string {
  const size = outage?.waiting.size ?? 0;
  return `${size >= COUNT_LIMIT ? 'more than ' : ''}${size} ${size === 1 ? 'request' : 'requests'} put off`;
}
