import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RETRY_FAILURES = loadQuery('retry_failures');

/**
 * Embeds rows of a job again that have failed for good: those whose keys have these md5 hashes, @default all of the job. Returns how many. A
 * statement, and outside of a transaction a commit, for each 5,000: what dies halfway has retried those before.
 */
export async function retryFailures(db: Queryable, job: string, hashes?: readonly string[]): Promise<number> {
  let retried = 0;
  let from: string | null = null;
  do {
    const { rows }: { rows: { retried: string; next_from: string | null }[] } = await db.query(RETRY_FAILURES, [
      job,
      hashes ?? null,
      from,
    ]);
    retried += Number(rows[0]?.retried ?? 0);
    from = rows[0]?.next_from ?? null;
  } while (from !== null);
  return retried;
}
