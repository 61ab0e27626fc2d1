import { expect } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { DOCUMENTED_TABLE } from '../support/test-daemon.ts';
import { createTestProvider } from '../support/test-runtime.ts';

const DIMENSIONS = 384;
export const PROVIDER = { dimensions: DIMENSIONS, maxBatch: 64 } as const;
/** A half-precision number keeps 11 bits. */
const HALF = 2 ** -11;

/** A database with pgvector and a jobs table. */
export async function createVectorDatabase(schema = 'public'): Promise<TestDatabase> {
  const db = await createTestDatabase();
  await db.pool.query(`create schema if not exists ${schema}; create extension vector schema ${schema}`);
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('alter table jobs add column column_type text, add column index text, add column dst_table text');
  return db;
}

/** The vectors that the test runtime gives. */
export async function embedTexts(texts: readonly string[]): Promise<readonly Float32Array[]> {
  const { signal } = new AbortController();
  const model = await createTestProvider(PROVIDER).load({ name: 'test/model' }, signal);
  return Promise.all(
    texts.map(async (text) => {
      const [outcome] = await model.embed([text], signal);
      if (outcome?.ok !== true) throw new Error(`no vector of "${text}"`);
      return outcome.value;
    }),
  );
}

/** A number as a column of that type has it, within what the type keeps. */
export function isKept(value: number, expected: number, type: 'real[]' | 'vector' | 'halfvec'): boolean {
  const limit = type === 'halfvec' ? Math.abs(expected) * HALF + 6e-8 : 0;
  // The text of a float4 is the shortest that means it.
  return Math.abs(Math.fround(value) - Math.fround(expected)) <= limit;
}

/** The ids of rows whose vector is missing, of another text, or there without a text. Columns: `id`, `body`, `embedding`. */
async function wrongRows(
  { pool }: Pick<TestDatabase, 'pool'>,
  table: string,
  type: 'real[]' | 'vector' | 'halfvec',
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; body: string | null; vector: number[] | null }>(
    `select id::text, body, embedding::real[] as vector from ${table} order by id`,
  );
  const vectors = await embedTexts(rows.map(({ body }) => body ?? ''));
  return rows.flatMap(({ id, body, vector }, row) => {
    const isBlank = body === null || body.trim() === '';
    const isRight = isBlank
      ? vector === null
      : vector?.length === DIMENSIONS && vector.every((value, at) => isKept(value, vectors[row]?.[at] ?? 0, type));
    return isRight ? [] : [id];
  });
}

/** Waits until every row has the vector of its text. */
export function untilRight(db: TestDatabase, table: string, type: 'real[]' | 'vector' | 'halfvec'): Promise<void> {
  return eventually(async () => expect(await wrongRows(db, table, type)).toEqual([]), { timeoutMs: 30_000 });
}

export interface JobMarks {
  readonly finished: boolean;
  readonly reason: string | null;
}

export async function marksOf({ pool }: TestDatabase, id: string): Promise<JobMarks | undefined> {
  const { rows } = await pool.query<JobMarks>(
    'select init_finished_at is not null as finished, init_failure_reason as reason from jobs where id = $1',
    [id],
  );
  return rows[0];
}

export function untilFinished(db: TestDatabase, id: string): Promise<void> {
  return eventually(async () => expect(await marksOf(db, id)).toEqual({ finished: true, reason: null }), {
    timeoutMs: 30_000,
  });
}

/** The plan of a statement where any index is better than none. */
export async function planOf({ uri }: TestDatabase, text: string): Promise<string> {
  return withClient(uri, async (client) => {
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
}
