import { LamplighterError } from '../core/errors.ts';
import { groupBy } from '../core/group-by.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import type { Queryable } from '../db/query.ts';
import { isAboutRows } from '../db/sqlstate.ts';
import type { BatchRow, BatchUsage, EmbeddingBatch } from './embedding-batch.ts';
import { encodeVectors } from './encode-vectors.ts';
import type { PreparedJob } from './job-spec.ts';
import { runPinned } from './pinned-transaction.ts';
import { clearDocuments, type EmbeddedChunk, replaceChunks, type StampedRow } from './replace-chunks.ts';
import { isChunked, LOCK_DOCUMENTS } from './table/chunk-sql.ts';
import { holdTables, type NamedTable } from './table/hold-tables.ts';
import { hasNullElement } from './table/row-sql.ts';
import { clearPlaces, dropVectors, lockKeys, lockPlaces, updatePlaces, updatePlainly } from './table/table-sql.ts';
import { nameTriggers, showPath } from './user-triggers.ts';

const FINISH_EMBEDDINGS = loadQuery('finish_embeddings');
/** A trigger that changes the text with each write of ours would be answered with another call of the model, for ever. */
const MOST_REWRITES = 3;
const MOST_SWALLOWED = 5;

/** A vector for a row; undefined takes the row's vector away. Of a document, its chunks; none takes all away. */
export interface VectorWrite {
  readonly row: BatchRow;
  readonly vector: Float32Array | undefined;
  readonly chunks: readonly EmbeddedChunk[];
}

export interface RowFailure {
  /** Where it was seen, with the text that failed; undefined for one that this write itself has come upon. */
  readonly row?: BatchRow;
  readonly key: string;
  readonly keyHash: string;
  readonly textHash: string | undefined;
  readonly error: string;
  /** False where capture has logged the row by itself. */
  readonly isRetried: boolean;
  readonly mostAttempts: number;
}

export interface RowsWrite {
  readonly job: PreparedJob;
  readonly batch: EmbeddingBatch;
  readonly writes: readonly VectorWrite[];
  readonly failures: readonly RowFailure[];
  /** Keys to be tried again uncharged, as those that turn out to be locked or changed. */
  readonly again: readonly string[];
  readonly againMs: number;
  /** Least pause before rows that have failed are tried again. */
  readonly failedMs: number;
  /** Rows of which only a stamp is missing. */
  readonly settled: readonly BatchRow[];
  /** True when nothing of the batch is left. */
  readonly isDone: boolean;
  readonly usage: BatchUsage;
}

export interface WriteOutcome {
  readonly written: number;
  readonly skipped: number;
  readonly failed: readonly { readonly key: string; readonly error: string; readonly isFinal: boolean }[];
}

/**
 * One transaction of a guarded write. First the fence, which keeps the job's generation as it is; then the rows are locked as they are
 * now, and compared with what the vectors were made from; then, in a statement of its own, what is locked is written by place. In one
 * statement, a row that changes between its snapshot and its lock would be locked and not written. Failures are guarded alike: a row is charged
 * for the text that it has. One that has failed for good loses its vector, which is of a text before.
 */
export async function writeRows(db: Pool, write: RowsWrite): Promise<WriteOutcome> {
  const { job, batch, writes } = write;
  return runPinned(db, async (transaction, searchPath) => {
    await transaction.query('select lamplighter.require_batch($1, $2, $3, $4)', [
      job.id,
      job.generation,
      batch.id,
      batch.holderId,
    ]);
    const { table } = job;
    const failing = new Map(
      write.failures.flatMap((failure) => (failure.row === undefined ? [] : [[failure.row, failure]])),
    );
    const looked = [...writes, ...[...failing.keys()].map((row) => ({ row, vector: undefined, chunks: [] }))];
    if (looked.length > 0) await holdTables(transaction, job.id, tablesOf(job, looked));
    const locked = await lockRows(transaction, job, await takeDocuments(transaction, job, looked));
    requireKnownLeaves(job, locked);
    const lockedRows = new Set(locked.map(({ write: { row } }) => row));
    const skipped = looked.filter(({ row }) => !lockedRows.has(row));
    const written = locked.filter(({ write: { row } }) => !failing.has(row));
    const updated = isChunked(table)
      ? {
          written: await replaceChunks(
            transaction,
            { ...job, table },
            written.map(({ write: each }) => each),
            searchPath,
          ),
          failures: [],
        }
      : await updateRows(transaction, job, written, searchPath);
    // A text that is there no more cannot fail, and of one that somebody has locked nobody can say.
    const charged = write.failures.filter(({ row }) => row === undefined || lockedRows.has(row));
    const failures = [...charged, ...updated.failures];
    const stamped: readonly StampedRow[] = [...updated.written, ...write.settled];
    const { usage } = write;
    const { rows } = await transaction.query<{ final_keys: string[] }>(FINISH_EMBEDDINGS, [
      job.id,
      batch.id,
      stamped.map(({ keyHash }) => keyHash),
      stamped.map(({ textHash }) => textHash ?? null),
      stamped.map(({ chunkHash }) => chunkHash ?? null),
      failures.map(({ key }) => key),
      failures.map(({ keyHash }) => keyHash),
      failures.map(({ textHash }) => textHash ?? null),
      failures.map(({ error }) => error),
      failures.map(({ isRetried }) => isRetried),
      failures.map(({ mostAttempts }) => mostAttempts),
      [...new Set([...write.again, ...skipped.map(({ row }) => row.key)])],
      write.againMs,
      write.isDone,
      usage.texts ?? (write.isDone ? batch.rows.length : 0),
      usage.tokens ?? null,
      usage.calls ?? 0,
      usage.truncated ?? null,
      write.failedMs,
      usage.day ?? null,
    ]);
    const finals = new Set(rows[0]?.final_keys);
    const left = locked.filter(({ write: { row } }) => failing.has(row) && finals.has(row.key));
    if (left.length > 0) await clearFailed(transaction, job, left, searchPath);
    return {
      written: updated.written.length,
      skipped: skipped.length,
      failed: failures.map(({ key, error }) => ({ key, error, isFinal: finals.has(key) })),
    };
  });
}

interface LockedRow {
  readonly place: string;
  readonly key: string;
  readonly text_hash: string | null;
  readonly leaf: string;
}

interface LockedWrite {
  readonly write: VectorWrite;
  readonly place: string;
  readonly leaf: string;
}

/**
 * Locks the documents that no other process writes. The rows of their texts are locked only against deletion, and two writers of one
 * document would mix its chunks. The lock is taken before the texts are compared, so that a later writer compares with the new chunks.
 */
async function takeDocuments(
  db: Queryable,
  { id, table }: PreparedJob,
  writes: readonly VectorWrite[],
): Promise<readonly VectorWrite[]> {
  if (!isChunked(table) || writes.length === 0) return writes;
  const { rows } = await db.query<{ position: number }>(LOCK_DOCUMENTS, [id, writes.map(({ row }) => row.keyHash)]);
  const taken = new Set(rows.map(({ position }) => position));
  return writes.filter((_, at) => taken.has(at + 1));
}

/** Locks where the rows were seen, and those that have moved since by their keys. */
async function lockRows(db: Queryable, job: PreparedJob, writes: readonly VectorWrite[]): Promise<LockedWrite[]> {
  const { table } = job;
  // Rows with one key and one text are interchangeable.
  const open = groupBy(writes, ({ row }) => guardOf(row.key, row.textHash));
  const locked: LockedWrite[] = [];
  const take = (rows: readonly LockedRow[]) => {
    for (const { place, key, text_hash, leaf } of rows) {
      const write = open.get(guardOf(key, text_hash ?? undefined))?.pop();
      if (write !== undefined) locked.push({ write, place, leaf });
    }
  };
  for (const { oid, name } of table.leaves) {
    const places = writes.filter(({ row }) => row.leaf === oid).map(({ row }) => row.place);
    if (places.length > 0) take((await db.query<LockedRow>(lockPlaces(table, name), [places])).rows);
  }
  const moved = [...new Set([...open.values()].flat().map(({ row }) => row.key))];
  if (moved.length > 0) {
    take((await db.query<LockedRow>(lockKeys(table, moved.some(hasNullElement)), [moved])).rows);
  }
  return locked;
}

/** The tables in which the rows were seen, and the one that is searched for rows that have moved. */
function tablesOf({ table }: PreparedJob, writes: readonly VectorWrite[]): NamedTable[] {
  const seen = new Set(writes.map(({ row }) => row.leaf));
  return [
    table,
    ...table.leaves.filter(({ oid }) => oid !== table.oid && seen.has(oid)),
    ...(table.chunks === undefined ? [] : [table.chunks]),
  ];
}

/** A partition that was made or attached since the job was prepared: its rows are found by key, and cannot be written yet. */
function requireKnownLeaves({ id, table }: PreparedJob, locked: readonly LockedWrite[]): void {
  if (locked.every(({ leaf }) => table.leaves.some(({ oid }) => oid === leaf))) return;
  throw new LamplighterError('JOB_CHANGED', `The table of embedding job ${id} has another shape now`);
}

function guardOf(key: string, textHash: string | undefined): string {
  return `${textHash ?? 'blank'} ${key}`;
}

interface UpdatedRows {
  readonly written: readonly BatchRow[];
  readonly failures: readonly RowFailure[];
}

async function updateRows(
  db: Queryable,
  job: PreparedJob,
  locked: readonly LockedWrite[],
  searchPath: string,
): Promise<UpdatedRows> {
  if (locked.length === 0) return { written: [], failures: [] };
  const { table, dimensions } = job;
  const leaves = table.leaves.filter(({ oid }) => locked.some(({ leaf }) => leaf === oid));
  const isAltering = await showPath(
    db,
    searchPath,
    table.schema,
    leaves.map(({ oid }) => oid),
  );
  const written: BatchRow[] = [];
  const failures: RowFailure[] = [];
  for (const { oid, name } of leaves) {
    const inLeaf = locked.filter(({ leaf }) => leaf === oid);
    const vectors = inLeaf.flatMap(({ write, place }) =>
      write.vector === undefined ? [] : { row: write.row, place, vector: write.vector },
    );
    const clears = inLeaf.flatMap(({ write, place }) => (write.vector === undefined ? { row: write.row, place } : []));
    const run = async (rows: readonly { row: BatchRow; place: string }[], text: string, params: readonly unknown[]) => {
      const places = rows.map(({ place }) => place);
      const result = await db.query<UpdatedRow>(text, [places, ...params]);
      const judged = await judgeUpdates(
        db,
        oid,
        rows.map(({ row }) => row),
        result.rows,
        params.length > 0,
      );
      written.push(...judged.written);
      failures.push(...judged.failures);
    };
    if (vectors.length > 0) {
      const encoded = encodeVectors(
        table.wire,
        vectors.map(({ vector }) => vector),
        dimensions,
      );
      if (isAltering) await run(vectors, updatePlaces(table, name), [encoded]);
      else {
        const places = vectors.map(({ place }) => place);
        const { rows } = await db.query<{ count: number }>(updatePlainly(table, name), [places, encoded]);
        if (rows[0]?.count !== places.length)
          throw new LamplighterError('JOB_CHANGED', `The table of embedding job ${job.id} has another trigger now`);
        written.push(...vectors.map(({ row }) => row));
      }
    }
    if (clears.length > 0) await run(clears, clearPlaces(table, name), []);
  }
  return { written, failures };
}

/** Takes away what vectors rows have of texts before the one that has failed for good. Where the table refuses that, they stay. */
async function clearFailed(
  db: Queryable,
  { table }: PreparedJob,
  rows: readonly LockedWrite[],
  searchPath: string,
): Promise<void> {
  await db.query('savepoint of_failed');
  try {
    await showPath(db, searchPath, (table.chunks ?? table).schema);
    if (isChunked(table))
      await clearDocuments(
        db,
        table,
        rows.map(({ write }) => write.row.key),
      );
    else
      for (const { oid, name } of table.leaves) {
        const places = rows.filter(({ leaf }) => leaf === oid).map(({ place }) => place);
        if (places.length > 0) await db.query(dropVectors(table, name), [places]);
      }
    await db.query('release savepoint of_failed');
  } catch (error) {
    if (!isAboutRows(error)) throw error;
    await db.query('rollback to savepoint of_failed');
  }
}

interface UpdatedRow {
  readonly position: number;
  readonly text_hash: string | null;
  readonly is_null: boolean;
}

/** Whether the rows are as they were written: a trigger may have changed the text, or swallowed the write. */
async function judgeUpdates(
  db: Queryable,
  leaf: string,
  rows: readonly BatchRow[],
  updates: readonly UpdatedRow[],
  isVector: boolean,
): Promise<UpdatedRows> {
  const byPosition = new Map(updates.map((update) => [update.position, update]));
  const written: BatchRow[] = [];
  const failures: RowFailure[] = [];
  let triggers: string | undefined;
  for (const [index, row] of rows.entries()) {
    const update = byPosition.get(index + 1);
    const isRewritten = update !== undefined && (update.text_hash ?? undefined) !== row.textHash;
    const isSwallowed = update === undefined || (isVector && update.is_null);
    if (!isRewritten && !isSwallowed) {
      written.push(row);
      continue;
    }
    triggers ??= await nameTriggers(db, leaf);
    failures.push({
      key: row.key,
      keyHash: row.keyHash,
      textHash: isRewritten ? (update.text_hash ?? undefined) : row.textHash,
      error: isRewritten
        ? `${triggers} changed the text as the vector was written`
        : `${triggers} swallowed the write of the vector`,
      isRetried: !isRewritten,
      mostAttempts: isRewritten ? MOST_REWRITES : MOST_SWALLOWED,
    });
  }
  return { written, failures };
}
