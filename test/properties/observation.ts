import { isDeepStrictEqual } from 'node:util';
import { BOOKKEEPING } from './engine.ts';
import { type ModelSession, type QueueModel, type RequestCell, read, visibleRequests } from './queue-model.ts';
import type { Request, Stamp } from './request-life.ts';
import type { Observer } from './stage.ts';
import { Mismatch, requireEqual } from './verdict.ts';

/** A row as somebody sees it; times are microseconds since 1970. */
interface SeenRow {
  readonly request_id: string;
  readonly id: number;
  readonly function_name: string;
  readonly parameters: unknown;
  readonly status: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly priority: number;
  readonly created_us: number;
  readonly started_us: number | null;
  readonly completed_us: number | null;
  readonly failed_us: number | null;
  readonly retry_count: number;
  readonly username: string;
  readonly model: string;
  readonly batch_id: string | null;
  readonly worker_id?: string | null;
  readonly attempt?: number;
  readonly turn?: string | null;
}

interface SeenStats {
  readonly function_name: string;
  readonly counts: readonly number[];
  /** When the oldest pending request was queued, as nearly as an interval tells. */
  readonly oldest_us: number | null;
  readonly avg_us: number | null;
  readonly p95_us: number | null;
}

interface SeenWorker {
  readonly worker_id: string;
  readonly status: string;
}

const US = (interval: string) => `(extract(epoch from ${interval}) * 1000000)::float8`;
const ROWS = (more: string) => `
  select request_id, id::float8 as id, function_name, parameters, status, result, error, priority, ${US('created_at')} as created_us,
         ${US('started_at')} as started_us, ${US('completed_at')} as completed_us, ${US('failed_at')} as failed_us, retry_count,
         username, model, batch_id${more}
  from public.steadytext_queue`;
const STATS = `
  select function_name, array[pending, processing, completed, failed, cancelled]::float8[] as counts,
         ${US('clock_timestamp() - oldest_pending')} as oldest_us, ${US('avg_processing')} as avg_us,
         ${US('p95_processing')} as p95_us
  from public.steadytext_queue_stats()`;
const WORKERS = 'select worker_id, status from public.steadytext_worker_status()';
const CLOCK = `select ${US('clock_timestamp()')} as clock_us`;
/** The statement in between may take this long on a busy machine. */
const STATS_SLACK_US = 5_000_000;

/** Compares all that a caller's session can see with the model, also within its open transaction. */
export async function observeSession(observer: Observer, model: QueueModel, session: ModelSession): Promise<void> {
  compareRows(model, session, await observer.look<SeenRow>(ROWS(''), 'rows'));
  compareStats(model, session, await observer.look<SeenStats>(STATS, 'stats'));
}

/** Compares what is committed, bookkeeping included, and the workers with the model; returns the server's clock. */
export async function observeAll(observer: Observer, model: QueueModel, owner: ModelSession): Promise<number> {
  compareRows(model, owner, await observer.look<SeenRow>(ROWS(`, ${BOOKKEEPING}`), 'rows'));
  compareStats(model, owner, await observer.look<SeenStats>(STATS, 'stats'));
  compareWorkers(model, owner, await observer.look<SeenWorker>(WORKERS, 'workers'));
  return (await observer.look<{ clock_us: number }>(CLOCK, 'clock'))[0]?.clock_us ?? Number.NaN;
}

function compareRows(model: QueueModel, session: ModelSession, rows: readonly SeenRow[]): void {
  const byId = new Map(rows.map((row) => [row.request_id, row]));
  for (const [cell, request] of visibleRequests(model, session)) {
    const row = byId.get(cell.requestId);
    if (row === undefined) throw new Mismatch(`${session.name} does not see ${cell.label}, which is ${request.status}`);
    byId.delete(cell.requestId);
    compareRow(model, `${cell.label} as ${session.name} sees it:`, { cell, request, row });
  }
  for (const requestId of byId.keys()) {
    const cell = [...model.requests.values()].find((each) => each.requestId === requestId);
    throw new Mismatch(`${session.name} sees ${cell?.label ?? requestId}, and should not`);
  }
}

function compareRow(
  model: QueueModel,
  what: string,
  { cell, request, row }: { cell: RequestCell; request: Request; row: SeenRow },
): void {
  const equal = (column: string, actual: unknown, expected: unknown) => {
    if (!isDeepStrictEqual(actual, expected)) requireEqual(`${what} ${column}`, actual, expected);
  };
  equal('status', row.status, request.status);
  equal('function_name', row.function_name, request.functionName);
  equal('parameters', row.parameters, request.parameters);
  equal('result', row.result, request.result);
  equal('error', row.error, request.error);
  equal('priority', row.priority, request.priority);
  equal('retry_count', row.retry_count, request.retryCount);
  equal('username', row.username, request.username);
  equal('model', row.model, request.model);
  compareTime(`${what} created_at`, row.created_us, request.createdAt);
  compareTime(`${what} started_at`, row.started_us, request.startedAt);
  compareTime(`${what} completed_at`, row.completed_us, request.completedAt);
  compareTime(`${what} failed_at`, row.failed_us, request.failedAt);
  compareBatch(model, what, row.batch_id, request.batch);
  cell.id ??= row.id;
  equal('id', row.id, cell.id);
  if ((cell.previous?.id ?? 0) >= cell.id) throw new Mismatch(`${what} id is not above that of the one before it`);
  if (row.turn === undefined) return;
  equal('attempt', row.attempt, request.attempt);
  equal('worker_id', row.worker_id, model.workers.get(request.holder ?? '')?.workerId ?? null);
  equal('turn', row.turn, request.status === 'pending' ? request.turn : null);
}

/** A time that was seen is known from then on. */
function compareTime(what: string, actual: number | null, expected: Stamp | null): void {
  if (actual === null || expected === null) {
    if (actual !== expected) throw new Mismatch(`${what} is ${actual}, expected ${expected && 'a time'}`);
    return;
  }
  if (actual < expected.from || actual > (expected.to ?? Number.POSITIVE_INFINITY)) {
    throw new Mismatch(`${what} is ${actual}, expected from ${expected.from} to ${expected.to ?? 'now'}`);
  }
  expected.from = actual;
  expected.to = actual;
}

function compareBatch(model: QueueModel, what: string, actual: string | null, batch: string | undefined): void {
  if (batch === undefined) {
    requireEqual(`${what} batch_id`, actual, null);
    return;
  }
  const known = model.batchIds.get(batch);
  if (known !== undefined) requireEqual(`${what} batch_id`, actual, known);
  else if (actual === null || [...model.batchIds.values()].includes(actual)) {
    throw new Mismatch(`${what} batch_id is ${actual}, expected one of its own`);
  } else model.batchIds.set(batch, actual);
}

function compareStats(model: QueueModel, session: ModelSession, seen: readonly SeenStats[]): void {
  const requests = [...visibleRequests(model, session)].map(([, request]) => request);
  const functions = [...new Set(requests.map(({ functionName }) => functionName))].sort();
  requireEqual(
    `functions in queue_stats of ${session.name}`,
    seen.map((row) => row.function_name),
    functions,
  );
  for (const row of seen) {
    const what = `queue_stats of ${session.name} for ${row.function_name}:`;
    const own = requests.filter(({ functionName }) => functionName === row.function_name);
    const having = (status: string) => own.filter((request) => request.status === status);
    requireEqual(
      `${what} pending, processing, completed, failed, cancelled`,
      row.counts,
      ['pending', 'processing', 'completed', 'failed', 'cancelled'].map((status) => having(status).length),
    );
    const ages = having('pending').map(({ createdAt }) => createdAt.from);
    requireNear(`${what} oldest_pending`, row.oldest_us, ages.length === 0 ? null : Math.min(...ages), STATS_SLACK_US);
    const durations = having('completed')
      .map(({ startedAt, completedAt }) => (completedAt?.from ?? 0) - (startedAt?.from ?? 0))
      .sort((a, b) => a - b);
    requireNear(`${what} avg_processing`, row.avg_us, mean(durations), 2);
    requireNear(`${what} p95_processing`, row.p95_us, percentile(durations, 0.95), 2);
  }
}

function compareWorkers(model: QueueModel, owner: ModelSession, seen: readonly SeenWorker[]): void {
  const byId = new Map(seen.map(({ worker_id: id, status }) => [id, status]));
  for (const cell of model.workers.values()) {
    const life = read(owner, cell);
    if (life === undefined) continue;
    const isAlive = life.status === 'running' || life.status === 'stopping';
    requireEqual(`status of ${cell.name}`, byId.get(cell.workerId), isAlive && life.isSilent ? 'dead' : life.status);
  }
}

function requireNear(what: string, actual: number | null, expected: number | null, slack: number): void {
  if (actual === null || expected === null) requireEqual(what, actual, expected);
  else if (Math.abs(actual - expected) > slack) throw new Mismatch(`${what} is ${actual}, expected about ${expected}`);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** As SQL's `percentile_cont`, of sorted values. */
function percentile(values: readonly number[], fraction: number): number | null {
  const at = fraction * (values.length - 1);
  const below = values[Math.floor(at)];
  const above = values[Math.ceil(at)];
  return below === undefined || above === undefined ? null : below + (above - below) * (at - Math.floor(at));
}
