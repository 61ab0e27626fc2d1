import type { RequestFunction } from '../core/request-functions.ts';

/** What workers compete for: the requests of one function that ask for one model. */
export interface Lane {
  readonly functionName: RequestFunction;
  /** The model as in `steadytext_queue.model`; `default` stands for the worker's own choice. */
  readonly model: string;
}

/** The worker whose claim it is, and the claim's number: never used twice under one worker id. */
export interface ClaimName {
  readonly workerId: string;
  readonly claimNumber: number;
}

/** A request in flight with this worker, until it finishes it or loses its lease. */
export interface ClaimedRequest {
  readonly id: string;
  readonly requestId: string;
  readonly lane: Lane;
  readonly username: string;
  /** The JSON in the row as text, so that its numbers are exact. It may be large, so who needs it no more sets it to undefined. */
  parameters: string | null | undefined;
  readonly priority: number;
  /** When it was queued, in microseconds since 1970, as a decimal text; a Date would drop the microseconds. */
  readonly createdUs: string;
  /** The fence: a finish with another attempt changes nothing. */
  readonly attempt: number;
  readonly retryCount: number;
  /** The trace that it belongs to, as in W3C Trace Context; null or absent where whoever queued it said nothing. */
  readonly traceparent?: string | null;
}

/** Requests of one priority by age: when they were queued, then their id. */
export function compareAge(a: Age, b: Age): number {
  // Times beyond the year 2255, which users may set, are doubles no more: their texts decide then.
  if (a.createdUs !== b.createdUs)
    return Number(a.createdUs) - Number(b.createdUs) || compareIds(a.createdUs, b.createdUs);
  return compareIds(a.id, b.id);
}

type Age = Pick<ClaimedRequest, 'createdUs' | 'id'>;

/** The order of ids, from their decimal text. Negative ones, which no sequence of ours issues, have some order too. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

/** One text for each lane, as `lamplighter.worker.lanes` has it. */
export function laneKey({ functionName, model }: Lane): string {
  return `${functionName}:${model}`;
}
