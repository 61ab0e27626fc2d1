import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import type { PreparedJob } from './job-spec.ts';
import { runPinned } from './pinned-transaction.ts';
import { holdTables } from './table/hold-tables.ts';
import { selectKeyHashes } from './table/table-sql.ts';

const LIST_SURPLUS_STAMPS = loadQuery('list_surplus_stamps');
const PRUNE_STAMPS = loadQuery('prune_stamps');
/** Stamps of one call, 100 bytes of memory each. */
const MOST_STAMPS = 500_000;
/** Blocks of one statement, so that no DDL of a user waits for long. */
const BLOCKS = 2_048;
const MOST_DELETED = 5_000;
/** An update may move a row from where the scan has yet to come to where it has been. Whoever is missed twice is only embedded once more. */
const SCANS = 2;

/**
 * Forgets rows that were deleted: nobody captures that, and their stamps and failures would be kept for ever. Looks at the table only where
 * there are far more stamps than rows; meant for the time after a full pass.
 *
 * @returns how many stamps were deleted.
 * @throws LamplighterError JOB_CHANGED; the server's errors.
 */
export async function pruneStamps(db: Pool, job: PreparedJob, signal: AbortSignal): Promise<number> {
  const listed = await runPinned(db, (transaction) =>
    transaction.query<{ key_hash: string }>(LIST_SURPLUS_STAMPS, [job.id, MOST_STAMPS]),
  );
  const gone = new Set(listed.rows.map(({ key_hash }) => key_hash));
  const [first, last] = [listed.rows[0]?.key_hash, listed.rows.at(-1)?.key_hash];
  if (first === undefined || last === undefined) return 0;
  for (let scan = 1; scan <= SCANS && gone.size > 0; scan += 1) {
    for (const leaf of job.table.leaves) {
      for (let block = 0; ; block += BLOCKS) {
        signal.throwIfAborted();
        const page = await readHashes(db, job, leaf, { block, first, last });
        for (const hash of page.hashes) gone.delete(hash);
        if (page.isEnd) break;
      }
    }
  }
  const hashes = [...gone];
  let pruned = 0;
  for (let at = 0; at < hashes.length; at += MOST_DELETED) {
    signal.throwIfAborted();
    const part = hashes.slice(at, at + MOST_DELETED);
    const { rows } = await runPinned(db, (transaction) =>
      transaction.query<{ pruned: number }>(PRUNE_STAMPS, [job.id, job.generation, part]),
    );
    pruned += rows[0]?.pruned ?? 0;
  }
  return pruned;
}

async function readHashes(
  db: Pool,
  job: PreparedJob,
  leaf: PreparedJob['table']['leaves'][number],
  { block, first, last }: { readonly block: number; readonly first: string; readonly last: string },
): Promise<{ readonly hashes: readonly string[]; readonly isEnd: boolean }> {
  return runPinned(db, async (transaction) => {
    await holdTables(transaction, job.id, [leaf]);
    const { rows } = await transaction.query<{ key_hash: string }>(selectKeyHashes(job.table, leaf.name), [
      `(${block},0)`,
      `(${block + BLOCKS},0)`,
      first,
      last,
    ]);
    const size = await transaction.query<{ is_end: boolean }>(
      `select pg_catalog.pg_relation_size($1::pg_catalog.oid) <= $2::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8 as is_end`,
      [leaf.oid, block + BLOCKS],
    );
    return { hashes: rows.map(({ key_hash }) => key_hash), isEnd: size.rows[0]?.is_end ?? true };
  });
}
