import { systemClock } from '../../src/core/clock.ts';
import type { RequestFunction } from '../../src/core/request-functions.ts';
import type { Queryable } from '../../src/db/query.ts';
import { registerWorker, renewLease } from '../../src/process/renew-lease.ts';
import { claimQuarantined } from '../../src/requests/claim-requests.ts';
import { type ClaimedRequest, type ClaimName, type Lane, laneKey } from '../../src/requests/claimed-request.ts';
import {
  announceCompletions,
  type CompletionEvent,
  finishRequests,
  type Outcome,
} from '../../src/requests/finish-requests.ts';
import { listLost } from '../../src/requests/list-lost.ts';
import { type PrunedWindow, pruneRequests } from '../../src/requests/prune-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { promoteRequests } from '../../src/requests/upkeep.ts';
import { type ClaimCursors, createClaimCursors } from '../../src/worker/requests/claim/claim-cursors.ts';
import type { TakenClaim } from './claim-rules.ts';
import type { Ending } from './request-life.ts';
import { parseClaim, type WorkerStep } from './steps.ts';
import { endingOf, MAX_RETRIES } from './worker-verdicts.ts';

/** Long enough to be over only when {@link PASS_TIME} has run. */
const LONG_DELAY_MS = 3_600_000;
const LEASE_MS = 30_000;

/**
 * All that these tests know of the engine's insides: how a worker's step is taken through `src/requests` and `src/worker`, and what of
 * its bookkeeping documentation speaks about.
 */
export interface WorkerSide {
  readonly db: Queryable;
  readonly lanes: readonly Lane[];
  /** What this worker remembers between two looks at the queue. */
  readonly cursors: ClaimCursors;
}

/** The claims of all workers: each has a number, and its worker says when it holds nothing of it any more. */
export type ClaimBook = Map<string, { readonly claimNumber: number; taken: readonly TakenClaim[] }[]>;

export interface Names {
  requestIdOf(label: string): string;
  functionOf(label: string): RequestFunction;
  /** `steadytext_queue.id` */
  idOf(label: string): number;
  /** `lamplighter.worker.worker_id` */
  workerIdOf(name: string): string;
  /** The name of a worker by its id. */
  workerNameOf(workerId: string): string;
  /** Whether the worker still holds it by that claim, for all that anybody knows. */
  isHeld(worker: string, claim: TakenClaim): boolean;
  readonly claimBook: ClaimBook;
}

export function createWorkerSide(db: Queryable, lanes: readonly Lane[]): WorkerSide {
  return { db, lanes, cursors: createClaimCursors(db, systemClock) };
}

/** Takes a worker's step and returns the answer in the terms of `worker-verdicts.ts`. */
export async function runWorkerStep(
  side: WorkerSide,
  step: WorkerStep,
  worker: string | undefined,
  names: Names,
): Promise<unknown> {
  const { db, lanes, cursors } = side;
  const claimAs = async (claim: (name: ClaimName) => Promise<readonly ClaimedRequest[]>) => {
    const claims = names.claimBook.get(worker ?? '') ?? [];
    names.claimBook.set(worker ?? '', claims);
    const entry = { claimNumber: claims.length + 1, taken: [] as readonly TakenClaim[] };
    claims.push(entry);
    entry.taken = (await claim({ workerId: names.workerIdOf(worker ?? ''), claimNumber: entry.claimNumber })).map(
      toTakenClaim,
    );
    return entry.taken;
  };
  const held = (claim: string) => {
    const { label, attempt } = parseClaim(claim);
    return { id: String(names.idOf(label)), attempt };
  };
  const toEvent = ([claim, status]: readonly [string, string]): CompletionEvent[] => {
    const { label } = parseClaim(claim);
    if (status !== 'completed' && status !== 'failed') return [];
    return [{ requestId: names.requestIdOf(label), functionName: names.functionOf(label), status }];
  };
  switch (step.do) {
    case 'register':
      return registerWorker(db, {
        hostname: 'test-host',
        pid: 4711,
        version: '0.0.0',
        lanes: lanes.map(laneKey),
        concurrency: 4,
        leaseMs: LEASE_MS,
      });
    case 'claim': {
      const lane: Lane = { functionName: step.functionName, model: step.model };
      const isServed = lanes.some((each) => laneKey(each) === laneKey(lane));
      if (step.looks && isServed && cursors.isUnknown()) {
        const taken = await claimAs((name) => cursors.scanAndClaim(name, [{ ...lane, most: step.limit }]));
        if (taken.length > 0 || cursors.isUnknown()) return taken;
      }
      if (step.looks) await cursors.scan(lanes);
      if (!cursors.hasReady(lane)) {
        // So that a transaction that has failed says so.
        await db.query('select');
        return [];
      }
      return claimAs((name) => cursors.claim(name, lane, step.limit));
    }
    case 'claim quarantined':
      return (
        await claimAs((name) =>
          claimQuarantined(
            db,
            name,
            lanes.map((lane) => ({ ...lane, most: 1 })),
          ),
        )
      )[0];
    case 'finish': {
      const finishes = step.claims.map((claim) => ({ ...held(claim), outcome: toOutcome(endingOf(step, claim)) }));
      const workerId = names.workerIdOf(step.worker);
      const { statuses, isAnnounced } = await finishRequests(db, finishes, { workerId, maxRetries: MAX_RETRIES });
      const ended = step.claims.flatMap((claim) => {
        const status = statuses.get(held(claim).id);
        return status === undefined ? [] : [[claim, status] as const];
      });
      // A worker does so once it has committed; here the events have to share the fate of the finish.
      if (!isAnnounced) await announceCompletions(db, ended.flatMap(toEvent), { workerId, givenUp: 0 });
      return ended;
    }
    case 'list lost': {
      const lost = await listLost(db, names.workerIdOf(step.worker), step.claims.map(held));
      return step.claims.filter((claim) => lost.includes(held(claim).id));
    }
    case 'rescue':
      return (await rescueRequests(db, MAX_RETRIES))
        .sort((a, b) => Number(a.id) - Number(b.id))
        .map(({ requestId, workerId, status, isCharged, isQuarantined }) => ({
          requestId,
          worker: workerId === undefined ? null : names.workerNameOf(workerId),
          status,
          isCharged,
          isQuarantined,
        }));
    case 'promote':
      return promoteRequests(db, 1_000);
    case 'prune old':
      return pruneInWindows(db, step.limit);
    case 'renew':
      return (
        await renewLease(db, {
          workerId: names.workerIdOf(step.worker),
          status: step.status,
          concurrency: 4,
          inFlight: 0,
          processed: 0,
          failed: 0,
          settledClaims: (names.claimBook.get(step.worker) ?? [])
            .filter(({ taken }) => !taken.some((claim) => names.isHeld(step.worker, claim)))
            .map(({ claimNumber }) => claimNumber),
        })
      ).isAlive;
  }
}

function toTakenClaim({ requestId, lane, username, parameters, priority, attempt, retryCount }: ClaimedRequest) {
  const { functionName, model } = lane;
  const read: unknown = JSON.parse(parameters ?? '');
  return {
    requestId,
    functionName,
    model,
    username,
    parameters: read,
    priority,
    attempt,
    retryCount,
  } satisfies TakenClaim;
}

function toOutcome(ending: Ending): Outcome {
  if (!('isLong' in ending)) return ending;
  return { kind: ending.kind, error: ending.error, delayMs: ending.isLong ? LONG_DELAY_MS : 0 };
}

/** Lets a worker's lease run out. $1 worker. The lease is shortened as well: silence counts from the server's start at the earliest. */
export const FALL_SILENT = `
  update lamplighter.worker set last_heartbeat = last_heartbeat - interval '1 hour', lease_ms = 0 where worker_id = $1`;

/** Deletes all that has ended, looking at `limit` requests at a time; how many. */
async function pruneInWindows(db: Queryable, limit: number): Promise<number> {
  let pruned = 0;
  for (let afterId: string | undefined = '0'; afterId !== undefined; ) {
    const window: PrunedWindow = await pruneRequests(db, { olderThanMs: 0, afterId, limit });
    pruned += window.pruned;
    afterId = window.lastId;
  }
  return pruned;
}

/**
 * A trigger that gives a worker which fell silent its lease's length back when it renews the lease, in the transaction that does: a
 * renewal that is rolled back changes nothing.
 */
export const RESTORE_LEASE_ON_RENEWAL = `
  create function public.restore_lease() returns trigger language plpgsql as $$
  begin
    new.lease_ms := ${LEASE_MS};
    return new;
  end $$;
  create trigger restore_lease before update on lamplighter.worker
    for each row when (new.last_heartbeat > old.last_heartbeat) execute function public.restore_lease()`;

/** Lets long delays be over, where nobody has the row locked. */
export const PASS_TIME = `
  update public.steadytext_queue as q
  set run_at = clock_timestamp() - interval '1 second'
  where q.id in (
    select d.id from public.steadytext_queue as d
    where d.status = 'pending' and d.run_at > clock_timestamp() and d.run_at < '9000-01-01 00:00+00'
    for update skip locked)`;

/** Forgets all requests and workers. */
export const CLEAR = `
  delete from public.steadytext_queue;
  delete from lamplighter.worker;
  delete from lamplighter.quarantine;
  delete from lamplighter.claim;
  delete from lamplighter.paused_function`;

/** What documentation says about a row besides its documented columns, for the owner's eyes. */
export const BOOKKEEPING = `worker_id, attempt, case when status <> 'pending' then null when run_at is null then 'ready'
  when run_at = '9000-01-01 00:00+00' then 'quarantined' when run_at <= clock_timestamp() then 'due' else 'later' end as turn`;
