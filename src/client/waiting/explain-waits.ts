import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';

const EXPLAIN_WAITS = loadQuery('explain_waits');

/** What stands in the way of these requests, by id, as a sentence of advice; missing where nothing is known to. */
export async function explainWaits(db: Queryable, requestIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ request_ids: string; reason: string | null }>(EXPLAIN_WAITS, [requestIds]);
  return new Map(
    rows.flatMap(({ request_ids, reason }) =>
      // The query makes it an array of ids.
      reason === null ? [] : (JSON.parse(request_ids) as string[]).map((id) => [id, reason] as const),
    ),
  );
}
