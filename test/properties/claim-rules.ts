import {
  isLockedByOther,
  type ModelSession,
  type QueueModel,
  type RequestCell,
  stampNow,
  visibleRequests,
  type WorkerCell,
  write,
} from './queue-model.ts';
import { byUrgency, claim, type Request, type Turn } from './request-life.ts';
import type { WorkerStep } from './steps.ts';
import { Mismatch, requireEqual, type Verdict } from './verdict.ts';

type Claim = Extract<WorkerStep, { do: 'claim' }>;

/** A claimed request as its worker gets to know it. */
export interface TakenClaim {
  readonly requestId: string;
  readonly functionName: string;
  readonly model: string;
  readonly username: string;
  readonly parameters: unknown;
  readonly priority: number;
  readonly attempt: number;
  readonly retryCount: number;
}

interface Candidate {
  readonly cell: RequestCell;
  readonly request: Request;
  readonly id: number;
}

/** What `request` looks like to the worker that claims it now. */
export function takenClaim(cell: RequestCell, request: Request): TakenClaim {
  const { functionName, model, username, parameters, priority, attempt, retryCount } = request;
  return {
    requestId: cell.requestId,
    functionName,
    model,
    username,
    parameters,
    priority,
    attempt: attempt + 1,
    retryCount,
  };
}

/** Pending requests that wait for their turn in that way, and that nobody has locked. */
export function pendingRequests(model: QueueModel, session: ModelSession, turn: Turn): [RequestCell, Request][] {
  return [...visibleRequests(model, session)].filter(
    ([cell, request]) => request.status === 'pending' && request.turn === turn && !isLockedByOther(session, cell),
  );
}

/** Marks a request as claimed by the worker. */
export function noteClaim(
  model: QueueModel,
  session: ModelSession,
  worker: WorkerCell,
  { cell, request }: Pick<Candidate, 'cell' | 'request'>,
): void {
  const claimed = claim(request, worker.name, stampNow(model));
  write(session, cell, claimed);
  model.claims.push({ claim: `${cell.label}#${claimed.attempt}`, worker: worker.name });
}

/**
 * A claim may return any set that keeps the documented rules, so these are checked rather than one set computed. Roles take turns in it.
 * Right after a look: each role's most urgent, a fair share for each, and no role is passed over for ever. Without one: nothing less
 * urgent of a role before what was there at the last look; what came later may wait for the next.
 */
export function judgeClaim(
  model: QueueModel,
  session: ModelSession,
  worker: WorkerCell,
  isAlive: boolean,
  step: Claim,
): Verdict | undefined {
  const { functionName, model: name, limit, looks } = step;
  if (!session.lanes.some((lane) => lane.functionName === functionName && lane.model === name)) return undefined;
  if (looks) session.lookedAt = model.stepNumber;
  if (!isAlive) return { kind: 'refused', sqlStates: ['LL001'], orAnswers: [] };
  const isInLane = (request: Request) =>
    request.functionName === functionName && request.model === name && !model.paused.has(functionName);
  const candidates = pendingRequests(model, session, 'ready')
    .filter(([, request]) => isInLane(request))
    .map(([cell, request]) => ({ cell, request, id: cell.id ?? 0 }))
    .sort(byUrgency);
  return {
    kind: 'done',
    accept(answer) {
      // The adapter returns nothing else.
      const taken = (answer as readonly TakenClaim[]).map((each) => accepted(candidates, each));
      requireEqual('the order of a claim', taken.map(labelOf), inTurns(taken).map(labelOf));
      if (new Set(taken).size < taken.length) throw new Mismatch('a request was claimed twice at once');
      if (taken.length > limit) throw new Mismatch(`claimed ${taken.length}, at most ${limit} were asked for`);
      const byRole = rolesOf(candidates);
      for (const [role, own] of byRole) {
        const ownTaken = taken.filter(({ request }) => request.username === role);
        const known = looks ? own : own.filter((each) => isKnown(model, session, each));
        requireMostUrgent(ownTaken, known);
      }
      if (looks) {
        const sharers = new Set(visibleReadyRoles(model, session, isInLane)).size;
        requireFairness(session, `${functionName}:${name}`, { byRole, taken, limit, sharers });
      } else {
        // It may serve a role once more before one that it does not know of.
        for (const key of session.passedOver.keys()) {
          if (taken.length > 0 && key.startsWith(`${functionName}:${name} `)) session.passedOver.delete(key);
        }
      }
      for (const each of taken) noteClaim(model, session, worker, each);
    },
  };
}

/** Each role's by urgency, and one of each role after the other. */
function inTurns(taken: readonly Candidate[]): Candidate[] {
  const roles = [...rolesOf(taken).values()].map((own) => [...own].sort(byUrgency));
  const longest = Math.max(0, ...roles.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => roles.flatMap((own) => own.slice(turn, turn + 1))).flat();
}

const labelOf = ({ cell }: Candidate) => cell.label;

function accepted(candidates: readonly Candidate[], taken: TakenClaim): Candidate {
  const candidate = candidates.find(({ cell }) => cell.requestId === taken.requestId);
  if (candidate === undefined) throw new Mismatch(`claimed ${JSON.stringify(taken)}, which is not to be had`);
  requireEqual('what a claim tells', taken, takenClaim(candidate.cell, candidate.request));
  return candidate;
}

function rolesOf(candidates: readonly Candidate[]): Map<string, Candidate[]> {
  const byRole = new Map<string, Candidate[]>();
  for (const each of candidates) {
    const own = byRole.get(each.request.username) ?? [];
    byRole.set(each.request.username, [...own, each]);
  }
  return byRole;
}

/** It was there for all to see at the worker's last look, and ever since. */
function isKnown(model: QueueModel, session: ModelSession, { cell }: Candidate): boolean {
  return (model.readySince.get(cell.label) ?? Number.POSITIVE_INFINITY) < session.lookedAt;
}

function requireMostUrgent(taken: readonly Candidate[], known: readonly Candidate[]): void {
  const last = taken.at(-1);
  if (last === undefined) return;
  const passed = known.find((each) => !taken.includes(each) && byUrgency(each, last) < 0);
  if (passed !== undefined)
    throw new Mismatch(`claimed ${labelOf(last)} before ${labelOf(passed)}, which is more urgent`);
}

/** A share may go unused by a role whose requests others have locked. */
function* visibleReadyRoles(
  model: QueueModel,
  session: ModelSession,
  isInLane: (request: Request) => boolean,
): Generator<string> {
  for (const [, request] of visibleRequests(model, session)) {
    if (request.status === 'pending' && request.turn === 'ready' && isInLane(request)) yield request.username;
  }
}

interface Taken {
  readonly byRole: ReadonlyMap<string, readonly Candidate[]>;
  readonly taken: readonly Candidate[];
  readonly limit: number;
  /** Roles that have something ready. */
  readonly sharers: number;
}

function requireFairness(session: ModelSession, lane: string, { byRole, taken, limit, sharers }: Taken): void {
  const share = Math.ceil(limit / Math.max(1, sharers));
  const even = Math.floor(limit / Math.max(1, sharers));
  const served = new Set(taken.map(({ request }) => request.username));
  // Who takes all that is to be had takes nothing from anybody.
  const isAll = taken.length === [...byRole.values()].flat().length;
  for (const [role, own] of byRole) {
    const count = taken.filter(({ request }) => request.username === role).length;
    if (count > share && !isAll) throw new Mismatch(`claimed ${count} of ${role}, whose share is ${share}`);
    const least = taken.length < limit ? Math.max(1, even) : even;
    if (count < Math.min(own.length, least)) {
      throw new Mismatch(`claimed ${count} of ${role}, which has ${own.length} ready, although ${least} are due to it`);
    }
    requireTurn(session, `${lane} ${role}`, served.has(role) ? undefined : served);
  }
  // Whoever has nothing ready loses its place.
  for (const key of session.passedOver.keys()) {
    if (key.startsWith(`${lane} `) && !byRole.has(key.slice(lane.length + 1))) session.passedOver.delete(key);
  }
}

/** While a role waits, each of the others is served once at most. */
function requireTurn(session: ModelSession, waiting: string, served: ReadonlySet<string> | undefined): void {
  const before = session.passedOver.get(waiting) ?? new Set();
  if (served === undefined) {
    session.passedOver.delete(waiting);
    return;
  }
  for (const other of served)
    if (before.has(other)) throw new Mismatch(`${waiting} was passed over for ${other} twice`);
  session.passedOver.set(waiting, new Set([...before, ...served]));
}
