import { type Clock, systemClock } from '../core/clock.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import type { PreparedJob } from './job-spec.ts';
import { runPinned } from './pinned-transaction.ts';
import { type ChunkedTable, deleteOrphans, isChunked, LOCK_DOCUMENTS, selectOrphans } from './table/chunk-sql.ts';
import { holdTables } from './table/hold-tables.ts';

const PRUNE_STAMPS = loadQuery('prune_stamps');
/** Blocks of one statement, so that no DDL of a user waits for long. */
const BLOCKS = 2_048;
/** Documents of one transaction, as somebody may wait for it. */
const MOST_DOCUMENTS = 200;
/** Work is a twentieth of the time. */
const PAUSE_FACTOR = 19;
const LONGEST_PAUSE_MS = 10_000;

interface Orphan {
  readonly key: string;
  readonly key_hash: string;
}

/**
 * Deletes chunks whose text is gone. The foreign key sees to that, but not for what logical replication deletes, or a session with
 * `session_replication_role = replica` or disabled triggers does. Meant for the time after a full pass.
 *
 * @returns how many chunks were deleted.
 * @throws LamplighterError JOB_CHANGED; the server's errors; the signal's reason.
 */
export async function pruneChunks(
  db: Pool,
  job: PreparedJob,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<number> {
  const { id, table } = job;
  if (!isChunked(table)) return 0;
  let pruned = 0;
  for (let block = 0; ; ) {
    signal.throwIfAborted();
    const fromMs = clock.nowMs();
    const { orphans, isEnd } = await readOrphans(db, id, table, block);
    if (orphans.length > 0) await forgetDocuments(db, job, orphans);
    const deleted = orphans.length === 0 ? 0 : await deleteChunks(db, id, table, orphans);
    pruned += deleted;
    // What somebody has locked is left for the next time.
    const hasMore = orphans.length === MOST_DOCUMENTS && deleted > 0;
    if (!hasMore && isEnd) return pruned;
    if (!hasMore) block += BLOCKS;
    await clock.delay(Math.min(LONGEST_PAUSE_MS, PAUSE_FACTOR * (clock.nowMs() - fromMs)), signal);
  }
}

function readOrphans(
  db: Pool,
  jobId: string,
  table: ChunkedTable,
  block: number,
): Promise<{ readonly orphans: readonly Orphan[]; readonly isEnd: boolean }> {
  return runPinned(db, async (transaction) => {
    await holdTables(transaction, jobId, [table, table.chunks]);
    const { rows } = await transaction.query<Orphan>(selectOrphans(table), [
      `(${block},0)`,
      `(${block + BLOCKS},0)`,
      MOST_DOCUMENTS,
    ]);
    const size = await transaction.query<{ is_end: boolean }>(
      `select pg_catalog.pg_relation_size($1::pg_catalog.oid) <= $2::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8 as is_end`,
      [table.chunks.oid, block + BLOCKS],
    );
    return { orphans: rows, isEnd: size.rows[0]?.is_end ?? true };
  });
}

/**
 * In a transaction before that of the deletion: a text that comes back, and is looked at while that is under way, would by its stamp have
 * the chunks that are about to go.
 */
async function forgetDocuments(db: Pool, { id, generation }: PreparedJob, orphans: readonly Orphan[]): Promise<void> {
  const hashes = orphans.map(({ key_hash }) => key_hash);
  await runPinned(db, (transaction) => transaction.query(PRUNE_STAMPS, [id, generation, hashes]));
}

/** A text that came back under its key meanwhile keeps its chunks: whoever writes them holds the lock of the document. */
function deleteChunks(db: Pool, jobId: string, table: ChunkedTable, orphans: readonly Orphan[]): Promise<number> {
  return runPinned(db, async (transaction) => {
    await holdTables(transaction, jobId, [table, table.chunks]);
    const locked = await transaction.query<{ position: number }>(LOCK_DOCUMENTS, [
      jobId,
      orphans.map(({ key_hash }) => key_hash),
    ]);
    const keys = locked.rows.flatMap(({ position }) => orphans[position - 1]?.key ?? []);
    const { rows } = await transaction.query<{ deleted: number }>(deleteOrphans(table), [keys]);
    return rows[0]?.deleted ?? 0;
  });
}
