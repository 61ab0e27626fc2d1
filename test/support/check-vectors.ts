import type { TestDatabase } from './database.ts';
import { createTestProvider } from './test-runtime.ts';

/** What is wrong with the vectors of a table: rows that lack theirs, and rows whose vector is of another text. */
export interface VectorFaults {
  readonly missing: readonly string[];
  readonly stale: readonly string[];
  /** Rows without a text that have a vector. */
  readonly left: readonly string[];
}

/** Recomputes every vector from the text that stands there now, and compares. The columns are `id`, `body` and `embedding`. */
export async function findVectorFaults(
  { pool }: Pick<TestDatabase, 'pool'>,
  table: string,
  model = 'test/model',
): Promise<VectorFaults> {
  const { rows } = await pool.query<{ id: string; body: string | null; embedding: number[] | null }>(
    `select id::text, body, embedding from ${table} order by id`,
  );
  const loaded = await createTestProvider().load({ name: model }, new AbortController().signal);
  const faults = { missing: [] as string[], stale: [] as string[], left: [] as string[] };
  const recompute = async (body: string) => {
    const [outcome] = await loaded.embed([body], new AbortController().signal);
    return outcome?.ok === true ? [...outcome.value] : [];
  };
  // At once: a text may ask its model to be slow.
  const expected = await Promise.all(
    rows.map(async ({ body, embedding }) => (body === null || embedding === null ? [] : recompute(body))),
  );
  for (const [row, { id, body, embedding }] of rows.entries()) {
    if (body === null || body.trim() === '') {
      if (embedding !== null) faults.left.push(id);
      continue;
    }
    if (embedding === null) faults.missing.push(id);
    // real[] comes back as the shortest text that is the same float.
    else if (!expected[row]?.every((value, at) => Math.fround(embedding[at] ?? Number.NaN) === value)) {
      faults.stale.push(id);
    }
  }
  return faults;
}

export const NO_FAULTS: VectorFaults = { missing: [], stale: [], left: [] };
