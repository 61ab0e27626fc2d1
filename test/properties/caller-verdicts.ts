import { parametersOf } from './parameters.ts';
import {
  type ModelSession,
  type QueueModel,
  type RequestCell,
  readRequest,
  stampNow,
  visibleRequests,
  write,
} from './queue-model.ts';
import { cancel, enqueue, isEnded, type Request, retry, type Stamp, type Status } from './request-life.ts';
import type { CallerStep } from './steps.ts';
import { announce, answers, firstObstacle, Mismatch, obstacle, refused, type Verdict } from './verdict.ts';

type Found = readonly [RequestCell, Request];

/**
 * What a caller's statement does, by CONTRACT and `docs/concepts/requests.md`; undefined when it names a request that was never
 * queued. The session is in a transaction, if only the statement's own.
 */
export function judgeCallerStep(model: QueueModel, session: ModelSession, step: CallerStep): Verdict | undefined {
  switch (step.do) {
    case 'enqueue':
    case 'insert':
      return queued(model, session, step, [step.as]);
    case 'enqueue batch':
      return queued(model, session, step, step.as);
    case 'check':
      return checked(model, session, step.requests);
    case 'prune':
      return pruned(model, session, step.age);
    case 'delete ended':
      return deleted(
        session,
        [...visibleRequests(model, session)].filter(([, request]) => isEnded(request)),
      );
    case 'cancel':
    case 'retry':
    case 'set status':
    case 'set retry_count':
    case 'delete':
    case 'cancel batch':
    case 'result':
      return judgeOnRequest(model, session, step);
  }
}

function judgeOnRequest(
  model: QueueModel,
  session: ModelSession,
  step: Extract<CallerStep, { request: string }>,
): Verdict | undefined {
  const cell = model.requests.get(step.request);
  if (cell === undefined) return undefined;
  const request = readRequest(session, cell);
  const found: Found | undefined = request && [cell, request];
  switch (step.do) {
    case 'cancel': {
      const isFunction = step.form === 'function';
      if (found === undefined || isEnded(found[1])) return answers(isFunction ? false : 0);
      return changed(session, found, isFunction ? true : 1, () => cancelled(model, session, found));
    }
    case 'retry': {
      const isFunction = step.form === 'function';
      if (found?.[1].status !== 'failed') return answers(isFunction ? false : 0);
      return changed(session, found, isFunction ? true : 1, () => write(session, cell, retry(found[1])));
    }
    case 'set status':
      // The owner may write what it likes, and answers for it.
      if (session.role === undefined) return undefined;
      return found === undefined ? answers(0) : statusSet(model, session, found, step.status, step.retryCount);
    case 'set retry_count':
      if (found === undefined) return answers(0);
      return changed(session, found, 1, () => write(session, cell, { ...found[1], retryCount: step.retryCount }));
    case 'delete':
      return found === undefined ? answers(0) : deleted(session, [found]);
    case 'cancel batch':
      return batchCancelled(model, session, found);
    case 'result':
      return awaited(session, cell, request);
  }
}

function queued(
  model: QueueModel,
  session: ModelSession,
  step: Extract<CallerStep, { do: 'enqueue' | 'insert' | 'enqueue batch' }>,
  labels: readonly string[],
): Verdict | undefined {
  if (labels.some((label) => model.requests.has(label))) return undefined;
  return {
    kind: 'done',
    accept(answer) {
      if (!Array.isArray(answer) || answer.length !== labels.length) {
        throw new Mismatch(`expected ${labels.length} request ids, got ${JSON.stringify(answer)}`);
      }
      const createdAt = session.transaction?.startedAt ?? stampNow(model);
      let previous: RequestCell | undefined;
      for (const [at, label] of labels.entries()) {
        const requestId: unknown = answer[at];
        if (typeof requestId !== 'string') throw new Mismatch(`expected a request id, got ${String(requestId)}`);
        const cell: RequestCell = {
          label,
          requestId,
          id: undefined,
          previous,
          committed: undefined,
          version: 0,
          writer: undefined,
          uncommitted: undefined,
        };
        model.requests.set(label, cell);
        const { functionName, priority, model: name = 'default' } = step;
        const batch = step.do === 'enqueue batch' ? labels[0] : undefined;
        const parameters = parametersOf(functionName, label);
        write(
          session,
          cell,
          enqueue({ functionName, parameters, priority, model: name, username: session.username, batch, createdAt }),
        );
        previous = cell;
      }
    },
  };
}

function changed(session: ModelSession, [cell]: Found, answer: unknown, effects: () => void): Verdict {
  return obstacle(session, cell) ?? answers(answer, effects);
}

function cancelled(model: QueueModel, session: ModelSession, [cell, request]: Found): void {
  write(session, cell, cancel(request, stampNow(model)));
  announce(session, cell, 'cancelled');
}

function deleted(session: ModelSession, found: readonly Found[]): Verdict {
  const verdict = firstObstacle(
    session,
    found.map(([cell]) => cell),
  );
  return (
    verdict ??
    answers(found.length, () => {
      for (const [cell] of found) write(session, cell, undefined);
    })
  );
}

function statusSet(
  model: QueueModel,
  session: ModelSession,
  found: Found,
  status: Status,
  retryCount: number | undefined,
): Verdict {
  const [cell, request] = found;
  const blocked = obstacle(session, cell);
  if (blocked !== undefined) return blocked;
  const counted = { ...request, retryCount: retryCount ?? request.retryCount };
  if (status === request.status) return answers(1, () => write(session, cell, counted));
  if (status === 'cancelled' && !isEnded(request)) return answers(1, () => cancelled(model, session, [cell, counted]));
  if (status === 'pending' && request.status === 'failed') {
    const fresh = counted.retryCount === request.retryCount ? 0 : counted.retryCount;
    return answers(1, () => write(session, cell, retry(request, fresh)));
  }
  return refused('42501');
}

function batchCancelled(model: QueueModel, session: ModelSession, found: Found | undefined): Verdict {
  const batch = found?.[1].batch;
  const rest = [...visibleRequests(model, session)].filter(
    ([, request]) => batch !== undefined && request.batch === batch && !isEnded(request),
  );
  const verdict = firstObstacle(
    session,
    rest.map(([cell]) => cell),
  );
  return (
    verdict ??
    answers(rest.length, () => {
      for (const each of rest) cancelled(model, session, each);
    })
  );
}

/** Rows that somebody has locked are left. */
function pruned(model: QueueModel, session: ModelSession, age: '0' | '1 day'): Verdict {
  const now = session.transaction?.startedAt;
  const old = [...visibleRequests(model, session)].filter(
    ([, request]) => age === '0' && isEnded(request) && isBefore(request.completedAt, now),
  );
  const obstacles = old.map((found) => [found, obstacle(session, found[0])] as const);
  if (obstacles.some(([, verdict]) => verdict?.kind === 'refused')) return refused('40001');
  const free = obstacles.filter(([, verdict]) => verdict === undefined).map(([found]) => found);
  return answers(String(free.length), () => {
    for (const [cell] of free) write(session, cell, undefined);
  });
}

/** Known for all that anybody has seen; what the open transaction itself ended, it ended after it began. */
export function isBefore(stamp: Stamp | null, now: Stamp | undefined): boolean {
  return stamp !== null && now !== undefined && (stamp.to ?? Number.POSITIVE_INFINITY) < (now.to ?? now.from + 1);
}

function checked(model: QueueModel, session: ModelSession, labels: readonly string[]): Verdict | undefined {
  const cells = labels.flatMap((label) => model.requests.get(label) ?? []);
  if (cells.length === 0) return undefined;
  const expected = cells.flatMap((cell) => {
    const request = readRequest(session, cell);
    const { requestId } = cell;
    return request === undefined
      ? []
      : [{ requestId, status: request.status, result: request.result, error: request.error }];
  });
  const [first] = cells;
  const single = expected.find(({ requestId }) => requestId === first?.requestId);
  return answers({ batch: expected, single: single === undefined ? [] : [single] });
}

/** A look without a wait. */
function awaited(session: ModelSession, cell: RequestCell, request: Request | undefined): Verdict {
  const raise = (sqlState: string, message?: string): Verdict => ({
    kind: 'refused',
    sqlStates: [sqlState],
    ...(message !== undefined && { message }),
  });
  if (session.transaction?.snapshot !== undefined) return raise('0A000');
  if (request === undefined) return raise('P0001', `Request ID ${cell.requestId} not found`);
  switch (request.status) {
    case 'completed':
      return answers(request.result);
    case 'failed':
      return raise('P0001', `Async request failed: ${request.error}`);
    case 'cancelled':
      return raise('P0001', 'Async request was cancelled');
    case 'pending':
    case 'processing':
      // No worker can see what this transaction wrote.
      return cell.writer === session.name
        ? raise('55000')
        : raise('P0001', 'Timeout waiting for async result (0 seconds)');
  }
}
