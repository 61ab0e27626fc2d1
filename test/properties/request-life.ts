import type { RequestFunction } from '../../src/core/request-functions.ts';

/** A time that the model does not know exactly before it has seen it: microseconds since 1970, both bounds included. */
export interface Stamp {
  from: number;
  /** Undefined while the step that set it is not over. */
  to: number | undefined;
}

export type Status = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';

/** Who may take a pending request: anybody, nobody yet (`due` once somebody promotes it), or a worker that runs nothing beside it. */
export type Turn = 'ready' | 'due' | 'later' | 'alone';

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
  /** Its worker died: it is run alone until it ends in some ordinary way. */
  readonly isSuspect: boolean;
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
    isSuspect: false,
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
      return postpone({ ...request, retryCount: request.retryCount + 1 }, ending);
    case 'defer':
      return postpone(request, ending);
    case 'release':
      return { ...request, status: 'pending', holder: null, turn: request.isSuspect ? 'alone' : 'ready' };
  }
}

/** What becomes of a request whose worker has died; `wasAlone` when it was the only one in execution there. */
export function rescue(request: Request, wasAlone: boolean, maxRetries: number, stamp: () => Stamp): Request {
  const orphan: Request = { ...request, holder: null };
  if (!wasAlone) return { ...orphan, status: 'pending', turn: 'alone', isSuspect: true };
  if (request.retryCount >= maxRetries) return { ...fail(orphan, DEATH, stamp()), failedAt: stamp() };
  return {
    ...orphan,
    status: 'pending',
    turn: 'alone',
    isSuspect: true,
    error: DEATH,
    retryCount: request.retryCount + 1,
  };
}

export function cancel(request: Request, now: Stamp): Request {
  return {
    ...request,
    status: 'cancelled',
    completedAt: now,
    holder: null,
    turn: 'ready',
    isSuspect: false,
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
    isSuspect: false,
  };
}

export const isEnded = ({ status }: Request) => status !== 'pending' && status !== 'processing';

/** The documented order within a role: priority, then age, then id. */
export function byUrgency(a: { request: Request; id: number }, b: { request: Request; id: number }): number {
  return b.request.priority - a.request.priority || a.request.createdAt.from - b.request.createdAt.from || a.id - b.id;
}

function end(request: Request, status: 'completed' | 'failed', now: Stamp): Request {
  return { ...request, status, completedAt: now, turn: 'ready', isSuspect: false };
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
    isSuspect: false,
  };
}
