import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';

const READ_OUTCOMES = loadQuery('read_outcomes');

/** How a request stands, as its row has it. */
export interface Outcome {
  readonly request_id: string;
  readonly function_name: string;
  readonly status: string;
  readonly result: string | null;
  readonly error: string | null;
}

/** How these requests stand, by id; ids that the role does not see are missing. */
export async function readOutcomes(db: Queryable, requestIds: readonly string[]): Promise<Map<string, Outcome>> {
  const { rows } = await db.query<Outcome>(READ_OUTCOMES, [requestIds]);
  return new Map(rows.map((row) => [row.request_id, row]));
}

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
