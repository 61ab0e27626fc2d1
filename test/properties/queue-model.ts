import type { RequestFunction } from '../../src/core/request-functions.ts';
import type { Lane } from '../../src/requests/claimed-request.ts';
import type { Request, Stamp } from './request-life.ts';

/** Something that one transaction at a time may change, and that others see as it was committed last. */
export interface Cell<Value> {
  committed: Value | undefined;
  /** Grows with each commit: what a transaction with one snapshot may not have missed. */
  version: number;
  /** The session that has changed and not committed it. */
  writer: string | undefined;
  uncommitted: Value | undefined;
}

export interface RequestCell extends Cell<Request> {
  readonly label: string;
  readonly requestId: string;
  /** Known once the row was seen. */
  id: number | undefined;
  /** The request before it in its batch. */
  readonly previous: RequestCell | undefined;
}

export interface WorkerLife {
  readonly status: 'running' | 'stopping' | 'stopped' | 'dead';
  readonly isSilent: boolean;
  /** The claim that is charged for its death. */
  readonly chargedWith: string | undefined;
}

export interface WorkerCell extends Cell<WorkerLife> {
  readonly name: string;
  readonly workerId: string;
}

export interface End {
  readonly requestId: string;
  readonly functionName: RequestFunction;
  readonly status: string;
}

export interface Transaction {
  /** Microseconds; unknown for a statement that is a transaction of its own. */
  readonly startedAt: Stamp;
  /** False for a statement that commits by itself. */
  readonly isOpen: boolean;
  isAborted: boolean;
  /** What a REPEATABLE READ transaction sees. */
  readonly snapshot: ReadonlyMap<RequestCell, { readonly request: Request; readonly version: number }> | undefined;
  readonly written: Set<Cell<unknown>>;
  readonly ends: End[];
  /** It may hold locks in the engine's own bookkeeping, where other workers' short statements wait for it. */
  hasBookkeeping: boolean;
}

export interface ModelSession {
  readonly name: string;
  /** The role whose requests it sees; undefined for the owner and for workers, who see all. */
  readonly role: string | undefined;
  /** As whom it queues. */
  readonly username: string;
  readonly lanes: readonly Lane[];
  transaction: Transaction | undefined;
  /** True while a statement of it waits for a lock. */
  isBlocked: boolean;
  /** The worker that it registered last. */
  worker: string | undefined;
  /** The number of the step in which this worker last looked at what is ready. */
  lookedAt: number;
  /** Which roles were served while one with something ready was passed over, by its lane and name. */
  readonly passedOver: Map<string, ReadonlySet<string>>;
}

export interface QueueModel {
  readonly requests: Map<string, RequestCell>;
  readonly workers: Map<string, WorkerCell>;
  readonly paused: Set<RequestFunction>;
  readonly sessions: Map<string, ModelSession>;
  /** Batch ids by the label of their first request, once seen. */
  readonly batchIds: Map<string, string>;
  /** What `steadytext_completed` must have announced. */
  readonly announced: End[];
  /** All claims ever made: `r7#2` and the worker that made it. */
  readonly claims: { readonly claim: string; readonly worker: string }[];
  /** For each request that everybody could claim, the step in which it became so. */
  readonly readySince: Map<string, number>;
  /** Times set in the present step. */
  openStamps: Stamp[];
  /** The server's clock at the end of the last step, in microseconds. */
  clock: number;
  stepNumber: number;
}

export function createQueueModel(sessions: readonly ModelSession[], clock: number): QueueModel {
  return {
    requests: new Map(),
    workers: new Map(),
    paused: new Set(),
    sessions: new Map(sessions.map((session) => [session.name, session])),
    batchIds: new Map(),
    announced: [],
    claims: [],
    readySince: new Map(),
    openStamps: [],
    clock,
    stepNumber: 0,
  };
}

export function sessionOf(model: QueueModel, name: string): ModelSession {
  const session = model.sessions.get(name);
  if (session === undefined) throw new Error(`there is no session ${name}`);
  return session;
}

/** A time within the present step. */
export function stampNow(model: QueueModel): Stamp {
  const stamp: Stamp = { from: model.clock, to: undefined };
  model.openStamps.push(stamp);
  return stamp;
}

/** The step is over: what it set, it set before this. */
export function closeStamps(model: QueueModel, clock: number): void {
  for (const stamp of model.openStamps) stamp.to ??= clock;
  model.openStamps = [];
  model.clock = clock;
}

export function beginTransaction(
  model: QueueModel,
  session: ModelSession,
  options: { readonly startedAt: Stamp; readonly isOpen: boolean; readonly hasOneSnapshot: boolean },
): Transaction {
  const { startedAt, isOpen, hasOneSnapshot } = options;
  const seen = hasOneSnapshot ? [...visibleRequests(model, session)] : undefined;
  session.transaction = {
    startedAt,
    isOpen,
    isAborted: false,
    snapshot: seen && new Map(seen.map(([cell, request]) => [cell, { request, version: cell.version }])),
    written: new Set(),
    ends: [],
    hasBookkeeping: false,
  };
  return session.transaction;
}

/** Makes what the session changed the state of things, or forgets it. */
export function endTransaction(model: QueueModel, session: ModelSession, isCommitted: boolean): void {
  const { transaction } = session;
  if (transaction === undefined) return;
  const commits = isCommitted && !transaction.isAborted;
  for (const cell of transaction.written) {
    if (commits) {
      cell.committed = cell.uncommitted;
      cell.version += 1;
    }
    cell.writer = undefined;
    cell.uncommitted = undefined;
  }
  if (commits) model.announced.push(...distinct(transaction.ends));
  session.transaction = undefined;
}

/** An error took back what the session changed; the transaction has to be ended all the same. */
export function abortTransaction(model: QueueModel, session: ModelSession): void {
  const { transaction } = session;
  if (transaction === undefined) return;
  endTransaction(model, session, false);
  if (transaction.isOpen) session.transaction = { ...transaction, isAborted: true, written: new Set() };
}

/** Changes a cell within the session's transaction; undefined deletes it. */
export function write<Value>(session: ModelSession, cell: Cell<Value>, value: Value | undefined): void {
  if (session.transaction === undefined) throw new Error(`${session.name} is in no transaction`);
  if (cell.writer !== undefined && cell.writer !== session.name) throw new Error('written by another session');
  cell.writer = session.name;
  cell.uncommitted = value;
  session.transaction.written.add(cell);
}

/** The value as a statement of the session finds it under READ COMMITTED. */
export function read<Value>(session: ModelSession, cell: Cell<Value>): Value | undefined {
  return cell.writer === session.name ? cell.uncommitted : cell.committed;
}

/** The request as the session sees it: its own changes, else its snapshot, else what is committed; only where it may see it. */
export function readRequest(session: ModelSession, cell: RequestCell): Request | undefined {
  const snapshot = session.transaction?.snapshot;
  const request =
    cell.writer === session.name || snapshot === undefined ? read(session, cell) : snapshot.get(cell)?.request;
  return session.role === undefined || request?.username === session.role ? request : undefined;
}

export function* visibleRequests(model: QueueModel, session: ModelSession): Generator<[RequestCell, Request]> {
  for (const cell of model.requests.values()) {
    const request = readRequest(session, cell);
    if (request !== undefined) yield [cell, request];
  }
}

/** Whether another session has changed it and not committed: nobody else can change it then. */
export function isLockedByOther(session: ModelSession, cell: Cell<unknown>): boolean {
  return cell.writer !== undefined && cell.writer !== session.name;
}

/** What everybody could claim now, and since which step. */
export function noteReady(model: QueueModel): void {
  for (const [label, { committed, writer }] of model.requests) {
    const isReady = writer === undefined && committed?.status === 'pending' && committed.turn === 'ready';
    if (!isReady) model.readySince.delete(label);
    else if (!model.readySince.has(label)) model.readySince.set(label, model.stepNumber);
  }
}

/** The server sends equal notifications of one transaction once. */
function distinct(ends: readonly End[]): End[] {
  return [...new Map(ends.map((end) => [JSON.stringify(end), end])).values()];
}
