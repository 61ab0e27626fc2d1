import type { RequestFunction } from '../../src/core/request-functions.ts';

/** A time that the model does not know exactly before it has seen it: microseconds since 1970, both bounds included. */
export interface Stamp {
  from: number;
  /** Undefined while the step that set it is not over. */
  to: number | undefined;
}

export type Status = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';

/** Who may take a pending request: anybody, nobody yet (`due` once somebody promotes it), or a worker that closes its lane for it. */
export type Turn = 'ready' | 'due' | 'later' | 'quarantined';

/** A request as its documentation describes it. Every change makes a new one. */
export interface Request {
  readonly functionName: RequestFunction;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly priority: number;
  readonly model: string;
  readonly username: string;
  /** The label of the first request of its batch. */
  readonly batch: string | undefined;
  readonly createdAt: Stamp;
  readonly status: Status;
  readonly result: string | null;
  readonly error: string | null;
  readonly startedAt: Stamp | null;
  readonly completedAt: Stamp | null;
  readonly failedAt: Stamp | null;
  readonly retryCount: number;
  readonly attempt: number;
  /** The worker that holds it, or ended it. */
  readonly holder: string | null;
  readonly turn: Turn;
  /** Workers that died with it since it last ended in some ordinary way; from the second on it is in quarantine. */
  readonly deaths: number;
}

export type Enqueued = Pick<
  Request,
  'functionName' | 'parameters' | 'priority' | 'model' | 'username' | 'batch' | 'createdAt'
>;

/** How a worker ends an attempt; a long delay lasts until time passes. */
export type Ending =
  | { readonly kind: 'completed'; readonly result: string }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'retry' | 'defer'; readonly error: string; readonly isLong: boolean }
  | { readonly kind: 'release' };

const DEATH = 'The worker died while it ran this request alone';

export function enqueue(enqueued: Enqueued): Request {
  return {
    ...enqueued,
    status: 'pending',
    result: null,
    error: null,
    startedAt: null,
    completedAt: null,
    failedAt: null,
    retryCount: 0,
    attempt: 0,
    holder: null,
    turn: 'ready',
    deaths: 0,
  };
}

export function claim(request: Request, holder: string, now: Stamp): Request {
  return { ...request, status: 'processing', startedAt: now, holder, attempt: request.attempt + 1, turn: 'ready' };
}

/** What becomes of a request that a worker holds. */
export function finish(request: Request, ending: Ending, maxRetries: number, now: Stamp): Request {
  switch (ending.kind) {
    case 'completed':
      return end({ ...request, result: ending.result, error: null }, 'completed', now);
    case 'failed':
      return fail(request, ending.error, now);
    case 'retry':
      if (request.retryCount >= maxRetries) return fail(request, ending.error, now);
      return postpone({ ...request, retryCount: request.retryCount + 1, deaths: 0 }, ending);
    case 'defer':
      return postpone(request, ending);
    case 'release':
      return { ...request, status: 'pending', holder: null, turn: turnAfter(request.deaths) };
  }
}

/** What becomes of a request that a worker has left: one that died, or one that stopped. */
export function rescue(
  request: Request,
  { isDeath, isCharged }: { readonly isDeath: boolean; readonly isCharged: boolean },
  maxRetries: number,
  stamp: () => Stamp,
): Request {
  const orphan: Request = { ...request, holder: null };
  if (isCharged && request.retryCount >= maxRetries) return { ...fail(orphan, DEATH, stamp()), failedAt: stamp() };
  const deaths = request.deaths + (isDeath ? 1 : 0);
  const back: Request = { ...orphan, status: 'pending', turn: turnAfter(deaths), deaths };
  return isCharged ? { ...back, error: DEATH, retryCount: request.retryCount + 1 } : back;
}

/** Deaths after which a request is in quarantine. */
export const QUARANTINE_DEATHS = 2;
/** Deaths after which one in quarantine is charged for the next even where other lanes were at work. */
export const CERTAIN_DEATHS = 5;

/** Where a request waits that has been through so many deaths. */
export const turnAfter = (deaths: number): Turn => (deaths >= QUARANTINE_DEATHS ? 'quarantined' : 'ready');

export function cancel(request: Request, now: Stamp): Request {
  return {
    ...request,
    status: 'cancelled',
    completedAt: now,
    holder: null,
    turn: 'ready',
    deaths: 0,
  };
}

/** By hand: nothing is left of the failure, and the budget is fresh. */
export function retry(request: Request, retryCount = 0): Request {
  return {
    ...request,
    status: 'pending',
    result: null,
    error: null,
    startedAt: null,
    completedAt: null,
    failedAt: null,
    retryCount,
    holder: null,
    turn: 'ready',
    deaths: 0,
  };
}

export const isEnded = ({ status }: Request) => status !== 'pending' && status !== 'processing';

/** The documented order within a role: priority, then age, then id. */
export function byUrgency(a: { request: Request; id: number }, b: { request: Request; id: number }): number {
  return b.request.priority - a.request.priority || a.request.createdAt.from - b.request.createdAt.from || a.id - b.id;
}

function end(request: Request, status: 'completed' | 'failed', now: Stamp): Request {
  return { ...request, status, completedAt: now, turn: 'ready', deaths: 0 };
}

function fail(request: Request, error: string, now: Stamp): Request {
  return { ...end({ ...request, error, result: null }, 'failed', now), failedAt: now };
}

function postpone(request: Request, { error, isLong }: { error: string; isLong: boolean }): Request {
  return {
    ...request,
    status: 'pending',
    error,
    holder: null,
    turn: isLong ? 'later' : 'due',
  };
}
