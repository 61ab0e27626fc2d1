import { isBefore } from './caller-verdicts.ts';
import { judgeClaim, noteClaim, pendingRequests, takenClaim } from './claim-rules.ts';
import {
  isLockedByOther,
  type ModelSession,
  type QueueModel,
  type RequestCell,
  read,
  stampNow,
  visibleRequests,
  type WorkerCell,
  type WorkerLife,
  write,
} from './queue-model.ts';
import {
  byUrgency,
  CERTAIN_DEATHS,
  type Ending,
  finish,
  isEnded,
  QUARANTINE_DEATHS,
  type Request,
  rescue,
  turnAfter,
} from './request-life.ts';
import { parseClaim, type WorkerStep } from './steps.ts';
import { announce, answers, Mismatch, refused, requireEqual, type Verdict } from './verdict.ts';

/** The retries that all workers here allow. */
export const MAX_RETRIES = 2;

type Finish = Extract<WorkerStep, { do: 'finish' }>;

/**
 * What a worker's statement does, by `docs/concepts`; undefined when it makes no sense here. The session is in a transaction, if only
 * the statement's own.
 */
export function judgeWorkerStep(model: QueueModel, session: ModelSession, step: WorkerStep): Verdict | undefined {
  switch (step.do) {
    case 'register':
      return registered(model, session, step.as);
    case 'claim':
    case 'claim quarantined': {
      const worker = model.workers.get(session.worker ?? '');
      if (worker === undefined) return undefined;
      const life = read(session, worker);
      const isAlive = life?.status === 'running' || life?.status === 'stopping';
      if (step.do === 'claim') return judgeClaim(model, session, worker, isAlive, step);
      return isAlive ? quarantinedClaimed(model, session, worker) : refused('LL001');
    }
    case 'finish':
      return finished(model, session, step);
    case 'list lost':
      if (!model.workers.has(step.worker) || !areKnown(model, step.claims)) return undefined;
      return answers(step.claims.filter((claim) => heldBy(model, session, step.worker, claim) === undefined));
    case 'rescue':
      return rescued(model, session);
    case 'promote': {
      const due = pendingRequests(model, session, 'due');
      return answers(due.length, () => {
        for (const [cell, request] of due) write(session, cell, { ...request, turn: turnAfter(request.deaths) });
      });
    }
    case 'prune old': {
      const now = session.transaction?.startedAt;
      const old = [...visibleRequests(model, session)].filter(
        ([cell, request]) => isEnded(request) && isBefore(request.completedAt, now) && isFree(session, cell),
      );
      return answers(old.length, () => {
        for (const [cell] of old) write(session, cell, undefined);
      });
    }
    case 'renew':
      return renewed(model, session, step.worker, step.status);
  }
}

const isFree = (session: ModelSession, cell: RequestCell) => !isLockedByOther(session, cell);

/** Whether these name requests that have been seen: only then is their key known. */
function areKnown(model: QueueModel, claims: readonly string[]): boolean {
  return claims.length > 0 && claims.every((claim) => model.requests.get(parseClaim(claim).label)?.id !== undefined);
}

/** The request of a claim, while that worker holds it by that claim. */
function heldBy(
  model: QueueModel,
  session: ModelSession,
  worker: string,
  claim: string,
): readonly [RequestCell, Request] | undefined {
  const { label, attempt } = parseClaim(claim);
  const cell = model.requests.get(label);
  const request = cell && read(session, cell);
  const isHeld = request?.status === 'processing' && request.holder === worker && request.attempt === attempt;
  return isHeld && cell !== undefined ? [cell, request] : undefined;
}

function registered(model: QueueModel, session: ModelSession, name: string): Verdict | undefined {
  if (model.workers.has(name)) return undefined;
  return {
    kind: 'done',
    accept(answer) {
      if (typeof answer !== 'string') throw new Mismatch(`expected a worker id, got ${String(answer)}`);
      const cell: WorkerCell = {
        name,
        workerId: answer,
        committed: undefined,
        version: 0,
        writer: undefined,
        uncommitted: undefined,
      };
      model.workers.set(name, cell);
      const life: WorkerLife = { status: 'running', isSilent: false, chargedWith: undefined };
      write(session, cell, life);
      session.worker = name;
    },
  };
}

function renewed(
  model: QueueModel,
  session: ModelSession,
  name: string,
  status: 'running' | 'stopping' | 'stopped',
): Verdict | undefined {
  const worker = model.workers.get(name);
  if (worker === undefined || worker.writer === session.name || othersKeepBooks(model, session)) return undefined;
  const life = read(session, worker);
  if (life?.status !== 'running' && life?.status !== 'stopping') return answers(false);
  if (isLockedByOther(session, worker)) return { kind: 'waits', on: worker.writer ?? '' };
  return answers(true, () => write(session, worker, { ...life, status, isSilent: false }));
}

/** The most urgent of the requests in quarantine, whosever it is. */
function quarantinedClaimed(model: QueueModel, session: ModelSession, worker: WorkerCell): Verdict {
  const [next] = pendingRequests(model, session, 'quarantined')
    .filter(
      ([, { functionName, model: name }]) =>
        !model.paused.has(functionName) &&
        session.lanes.some((lane) => lane.functionName === functionName && lane.model === name),
    )
    .map(([cell, request]) => ({ cell, request, id: cell.id ?? 0 }))
    .sort(byUrgency);
  return {
    kind: 'done',
    accept(answer) {
      requireEqual(
        'what was claimed from quarantine',
        answer,
        next === undefined ? undefined : takenClaim(next.cell, next.request),
      );
      if (next !== undefined) noteClaim(model, session, worker, next);
    },
  };
}

function finished(model: QueueModel, session: ModelSession, step: Finish): Verdict | undefined {
  const { worker, claims } = step;
  if (!model.workers.has(worker) || !areKnown(model, claims)) return undefined;
  const held = claims.map((claim) => ({ claim, found: heldBy(model, session, worker, claim) }));
  if (held.some(({ found }) => found === undefined)) {
    if (othersKeepBooks(model, session)) return undefined;
    if (session.transaction !== undefined) session.transaction.hasBookkeeping = true;
  }
  return {
    kind: 'done',
    accept(answer) {
      const now = stampNow(model);
      const expected: [string, string][] = [];
      for (const { claim, found } of held) {
        if (found === undefined || isLockedByOther(session, found[0])) continue;
        const [cell, request] = found;
        const after = finish(request, endingOf(step, claim), MAX_RETRIES, now);
        write(session, cell, after);
        if (after.status !== 'pending') announce(session, cell, after.status);
        expected.push([claim, after.status]);
      }
      requireEqual('what was finished', answer, expected);
    },
  };
}

/** What a finish step says about one of its claims. */
export function endingOf({ outcome, tag, isLong = false }: Finish, claim: string): Ending {
  switch (outcome) {
    case 'completed':
      return { kind: outcome, result: `answer ${tag} to ${claim}` };
    case 'failed':
      return { kind: outcome, error: `failure ${tag} of ${claim}` };
    case 'retry':
    case 'defer':
      return { kind: outcome, error: `trouble ${tag} of ${claim}`, isLong };
    case 'release':
      return { kind: outcome };
  }
}

/** True while another open transaction has touched the engine's own books, for whose locks a statement like this may wait. */
function othersKeepBooks(model: QueueModel, session: ModelSession): boolean {
  return [...model.sessions.values()].some(
    (other) => other !== session && other.transaction?.hasBookkeeping === true && !other.transaction.isAborted,
  );
}

/** Silent workers are found dead; what dead and stopped workers hold goes back, unless somebody has locked it. */
function rescued(model: QueueModel, session: ModelSession): Verdict | undefined {
  if (othersKeepBooks(model, session)) return undefined;
  if (session.transaction !== undefined) session.transaction.hasBookkeeping = true;
  return {
    kind: 'done',
    accept(answer) {
      for (const worker of model.workers.values()) {
        const life = read(session, worker);
        const isAlive = life?.status === 'running' || life?.status === 'stopping';
        if (life === undefined || !isAlive || !life.isSilent || isLockedByOther(session, worker)) continue;
        write(session, worker, { ...life, status: 'dead', chargedWith: findCharged(model, session, worker.name) });
      }
      const expected: unknown[] = [];
      const byId = [...visibleRequests(model, session)].sort(([a], [b]) => (a.id ?? 0) - (b.id ?? 0));
      for (const [cell, request] of byId) {
        const life = lifeOf(model, session, request.holder);
        if (request.status !== 'processing' || !isFree(session, cell)) continue;
        if (life?.status === 'running' || life?.status === 'stopping') continue;
        const isDeath = life?.status === 'dead';
        const isCharged = life?.chargedWith === `${cell.label}#${request.attempt}`;
        const after = rescue(request, { isDeath, isCharged }, MAX_RETRIES, () => stampNow(model));
        write(session, cell, after);
        if (after.status === 'failed') announce(session, cell, 'failed');
        expected.push({
          requestId: cell.requestId,
          worker: request.holder,
          status: after.status,
          isCharged,
          isQuarantined: after.turn === 'quarantined',
        });
      }
      requireEqual('what was rescued', answer, expected);
    },
  };
}

/** The only one in quarantine that the worker holds, alone in its lane; in the company of other lanes only once that is certain. */
function findCharged(model: QueueModel, session: ModelSession, worker: string): string | undefined {
  const held = [...visibleRequests(model, session)].filter(
    ([, request]) => request.status === 'processing' && request.holder === worker,
  );
  const [only, ...more] = held.filter(([, { deaths }]) => deaths >= QUARANTINE_DEATHS);
  if (only === undefined || more.length > 0) return undefined;
  const [{ label }, { functionName, model: name, attempt, deaths }] = only;
  const others = held.filter((each) => each !== only);
  const hasMate = others.some(([, other]) => other.functionName === functionName && other.model === name);
  return hasMate || (others.length > 0 && deaths < CERTAIN_DEATHS) ? undefined : `${label}#${attempt}`;
}

function lifeOf(model: QueueModel, session: ModelSession, worker: string | null): WorkerLife | undefined {
  const cell = model.workers.get(worker ?? '');
  return cell && read(session, cell);
}
