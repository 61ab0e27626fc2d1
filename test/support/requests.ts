import type { Queryable } from '../../src/db/query.ts';
import { eventually } from './eventually.ts';

/** A row of `steadytext_queue`. */
export interface RequestRow {
  readonly id: string;
  readonly request_id: string;
  readonly function_name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly priority: number;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly failed_at: Date | null;
  readonly retry_count: number;
  readonly worker_id: string | null;
  readonly attempt: number;
  readonly run_at: Date | null;
}

export interface EnqueueOptions {
  /** @default false, so that no two tests share an answer */
  readonly useCache?: boolean;
  readonly priority?: number;
  readonly model?: string;
}

/** The first value of the first row. */
export async function firstValue<T>(db: Queryable, text: string, params: readonly unknown[] = []): Promise<T> {
  const { rows } = await db.query<Record<string, T>>(text, params);
  const [row] = rows;
  if (row === undefined) throw new Error(`expected a row from: ${text}`);
  return Object.values(row)[0] as T; // the caller knows its statement
}

/** Queues one embedding for each text, in one statement; their request ids in order. */
export async function embed(db: Queryable, texts: readonly string[], options: EnqueueOptions = {}): Promise<string[]> {
  const { useCache = false, priority = 0, model = null } = options;
  return firstValue(db, 'select public.steadytext_embed_batch_async($1, $2, $3, $4) as ids', [
    texts,
    useCache,
    priority,
    model,
  ]);
}

export async function generate(
  db: Queryable,
  prompt: string,
  options: EnqueueOptions & { readonly maxTokens?: number; readonly seed?: number } = {},
): Promise<string> {
  const { useCache = false, priority = 0, model = null, maxTokens = 512, seed = 42 } = options;
  return firstValue(db, 'select public.steadytext_generate_async($1, $2, $3, $4, $5, $6) as id', [
    prompt,
    maxTokens,
    useCache,
    seed,
    priority,
    model,
  ]);
}

/** The rows of these requests, in the order asked. */
export async function rowsOf(db: Queryable, requestIds: readonly string[]): Promise<RequestRow[]> {
  const { rows } = await db.query<RequestRow>(
    `select q.* from unnest($1::uuid[]) with ordinality as u (request_id, n)
     join public.steadytext_queue as q using (request_id) order by u.n`,
    [requestIds],
  );
  return rows;
}

export async function rowOf(db: Queryable, requestId: string): Promise<RequestRow> {
  const [row] = await rowsOf(db, [requestId]);
  if (row === undefined) throw new Error(`there is no request ${requestId}`);
  return row;
}

/** The rows once all of them have the status; fails with how far they are. */
export function untilStatus(
  db: Queryable,
  requestIds: readonly string[],
  status: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<RequestRow[]> {
  return eventually(async () => {
    const rows = await rowsOf(db, requestIds);
    const others = rows.filter((row) => row.status !== status);
    if (others.length > 0 || rows.length < requestIds.length) {
      const [row] = others;
      const example = row === undefined ? 'missing' : `${row.status}, ${row.error ?? 'no error'}`;
      throw new Error(`${requestIds.length - rows.length + others.length} are not ${status}; one is ${example}`);
    }
    return rows;
  }, options);
}

/** Lets the delays of retries pass: what waits for a time is due now. */
export async function skipDelays(db: Queryable): Promise<void> {
  await db.query(
    `update public.steadytext_queue set run_at = null where status = 'pending' and run_at > now() and run_at < '9000-01-01 00:00+00'`,
  );
}

/** Like {@link untilStatus}, for requests that are tried again and again: their delays are skipped. */
export function untilStatusAfterRetries(
  db: Queryable,
  requestIds: readonly string[],
  status: string,
): Promise<RequestRow[]> {
  return eventually(async () => {
    await skipDelays(db);
    return untilStatus(db, requestIds, status, { timeoutMs: 0 });
  });
}
