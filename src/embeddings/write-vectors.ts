import { hasCode, type LamplighterError, messageOf } from '../core/errors.ts';
import type { Pool } from '../db/pool.ts';
import { classifySqlState, isAboutRows, sqlStateOf } from '../db/sqlstate.ts';
import { type BatchRow, type BatchUsage, type EmbeddingBatch, releaseBatch } from './embedding-batch.ts';
import type { PreparedJob } from './job-spec.ts';
import { ChunksAltered, type EmbeddedChunk } from './replace-chunks.ts';
import { invalidJob } from './table/invalid-job.ts';
import { type RowFailure, type VectorWrite, type WriteOutcome, writeRows } from './write-rows.ts';

/** Failures of a row by the model or the database after which it is left alone. */
const MOST_ATTEMPTS = 5;
const AGAIN_BASE_MS = 100;
const AGAIN_CAP_MS = 30_000;
/** No table holds a replica identity: every UPDATE of it fails. */
const REPLICA_IDENTITY_MISSING = '55000';

/** Documents, and chunks to be written, of one transaction: short, as somebody who deletes a row waits for it; a document is never divided. */
const MOST_DOCUMENTS = 64;
const MOST_CHUNKS = 500;

/** Why there is no vector. `isRow`: the row is charged; else it is tried again uncharged. Either not before `againMs`, where that is known. */
export interface RowRefusal {
  readonly error: string;
  readonly isRow: boolean;
  /** Nothing was tried, and nothing failed: the pause before the next try is the shortest. */
  readonly isUntried?: boolean;
  readonly againMs?: number | undefined;
  /** Failures after which the row is left alone. @default 5 */
  readonly mostAttempts?: number | undefined;
}

/** What a model gave for a text. */
export type RowAnswer = Float32Array | RowRefusal;

/** All chunks of a document with their vectors. */
export interface DocumentAnswer {
  readonly chunks: readonly EmbeddedChunk[];
}

export interface WriteReport {
  /** Vectors that stand in the table now. */
  readonly written: number;
  /** Rows that have changed since they were claimed or are locked by others, and come back. */
  readonly skipped: number;
  readonly failed: readonly { readonly key: string; readonly error: string; readonly isFinal: boolean }[];
}

/**
 * Writes the vectors of a batch, each only if the row still has the same text, and ends the batch. Locked and changed rows are tried again
 * later; a row that the database refuses fails alone. A write that failed by an error of the environment may be repeated. Documents are
 * each written whole, or not at all.
 *
 * @param answers one for each of `batch.rows`
 * @throws LamplighterError JOB_CHANGED and JOB_INVALID (nobody can write to the table as it is), after giving the batch back; LEASE_LOST;
 * the server's errors of the environment.
 */
export async function writeVectors(
  db: Pool,
  job: PreparedJob,
  batch: EmbeddingBatch,
  answers: readonly (RowAnswer | DocumentAnswer)[],
  usage: BatchUsage = {},
): Promise<WriteReport> {
  if (answers.length !== batch.rows.length) {
    throw new Error(`expected an answer for each of ${batch.rows.length} rows, got ${answers.length}`);
  }
  const writes: VectorWrite[] = batch.clears.map((row) => ({ row, vector: undefined, chunks: [] }));
  const failures: RowFailure[] = [];
  const again: string[] = [...batch.postponed];
  /** When a model asked to be called again for some of them. */
  let askedMs = 0;
  let failedMs = 0;
  batch.places.forEach((row, index) => {
    const answer = answers[index];
    if (answer instanceof Float32Array) {
      const fault = faultOf(answer, job.dimensions);
      if (fault === undefined) writes.push({ row, vector: answer, chunks: [] });
      else failures.push(rowFailure(row, fault));
    } else if (answer !== undefined && 'chunks' in answer) {
      const faults = answer.chunks.flatMap(({ vector }) =>
        vector === undefined ? [] : (faultOf(vector, job.dimensions) ?? []),
      );
      const [fault] = faults;
      if (fault === undefined) writes.push({ row, vector: undefined, chunks: answer.chunks });
      else failures.push(rowFailure(row, fault));
    } else if (answer?.isRow === true) {
      failures.push(rowFailure(row, answer.error, answer.mostAttempts));
      failedMs = Math.max(failedMs, answer.againMs ?? 0);
    } else {
      again.push(row.key);
      if (answer !== undefined) askedMs = Math.max(askedMs, answer.againMs ?? 0);
    }
  });
  try {
    const isUntried = answers.some((answer) => 'isUntried' in answer && answer.isUntried === true);
    const grownMs = isUntried ? AGAIN_BASE_MS : AGAIN_BASE_MS * 2 ** Math.min(batch.attempt, 20);
    // A provider that takes so much and no more refuses some texts each time: that says nothing about those.
    const againMs = askedMs > 0 ? askedMs : grownMs;
    return await writeParts(db, job, batch, { writes, failures, again, againMs, failedMs }, usage);
  } catch (error) {
    const refusal = refusalOf(error, job);
    if (refusal === undefined) throw error;
    await releaseBatch(db, batch);
    throw refusal;
  }
}

interface Parts {
  readonly writes: readonly VectorWrite[];
  readonly failures: RowFailure[];
  readonly again: string[];
  readonly againMs: number;
  readonly failedMs: number;
}

/** All in one transaction; where that fails on account of rows, in halves until a row stands alone, and then the end of the batch. */
async function writeParts(
  db: Pool,
  job: PreparedJob,
  batch: EmbeddingBatch,
  { writes, failures, again, againMs, failedMs }: Parts,
  usage: BatchUsage,
): Promise<WriteReport> {
  const common = { job, batch, againMs: Math.min(againMs, AGAIN_CAP_MS), failedMs };
  const ending = { failures, again, settled: batch.settled, isDone: true, usage };
  const part = { failures: [], again: [], settled: [], isDone: false, usage: {} };
  const sum: { written: number; skipped: number; failed: WriteReport['failed'][number][] } = {
    written: 0,
    skipped: 0,
    failed: [],
  };
  const add = (outcome: WriteOutcome) => {
    sum.written += outcome.written;
    sum.skipped += outcome.skipped;
    sum.failed.push(...outcome.failed);
  };

  const parts = job.table.chunks === undefined ? [writes] : partsOf(writes);
  const waiting: { readonly rows: readonly VectorWrite[]; readonly depth: number }[] =
    parts.length > 1 ? parts.map((rows) => ({ rows, depth: 1 })).reverse() : [{ rows: writes, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { rows, depth } = next;
    try {
      add(await writeRows(db, { ...common, ...(depth === 0 ? ending : part), writes: rows }));
      if (depth === 0) return sum;
    } catch (error) {
      const isConflict = classifySqlState(error) === 'conflict';
      if (!isConflict && !isRowTrouble(error)) throw error;
      const half = Math.ceil(rows.length / 2);
      // A lock that a trigger of the user's waits for holds up all of them: they are divided a little more with each try.
      const isDivided = rows.length > 1 && (!isConflict || depth < batch.attempt);
      if (isDivided)
        waiting.push({ rows: rows.slice(half), depth: depth + 1 }, { rows: rows.slice(0, half), depth: depth + 1 });
      else if (isConflict) again.push(...rows.map(({ row }) => row.key));
      else failures.push(...rows.map(({ row }) => rowFailure(row, messageOf(error))));
    }
  }
  add(await writeRows(db, { ...common, ...ending, writes: [] }));
  return sum;
}

/** Documents of one transaction each. */
function partsOf(writes: readonly VectorWrite[]): VectorWrite[][] {
  const parts: VectorWrite[][] = [];
  let size = 0;
  for (const write of writes) {
    const chunks = write.chunks.filter(({ from }, no) => from !== no).length;
    const part = parts.at(-1);
    if (part === undefined || part.length >= MOST_DOCUMENTS || size + chunks > MOST_CHUNKS) {
      parts.push([write]);
      size = chunks;
    } else {
      part.push(write);
      size += chunks;
    }
  }
  return parts;
}

function rowFailure(row: BatchRow, error: string, mostAttempts = MOST_ATTEMPTS): RowFailure {
  return {
    row,
    key: row.key,
    keyHash: row.keyHash,
    textHash: row.textHash,
    error,
    isRetried: true,
    mostAttempts,
  };
}

function isRowTrouble(error: unknown): boolean {
  return error instanceof ChunksAltered || (isAboutRows(error) && sqlStateOf(error) !== REPLICA_IDENTITY_MISSING);
}

/** An error that would be the same for every row of the table. */
function refusalOf(error: unknown, job: PreparedJob): LamplighterError | undefined {
  if (hasCode(error, 'JOB_CHANGED')) return error;
  const kind = classifySqlState(error);
  if (sqlStateOf(error) === REPLICA_IDENTITY_MISSING) {
    return invalidJob(
      `${(job.table.chunks ?? job.table).name} cannot be updated: ${messageOf(error)}`,
      'Give the table a primary key, or ALTER TABLE .. REPLICA IDENTITY FULL.',
      error,
    );
  }
  if (kind !== 'permission' && kind !== 'missing') return undefined;
  return invalidJob(
    `Vectors cannot be written to ${(job.table.chunks ?? job.table).name}: ${messageOf(error)}`,
    undefined,
    error,
  );
}

function faultOf(vector: Float32Array, dimensions: number): string | undefined {
  if (vector.length !== dimensions) return `expected a vector of ${dimensions} numbers, got ${vector.length}`;
  // A loop, as a call for each number takes as long as sending them.
  for (let at = 0; at < vector.length; at += 1) {
    if (!Number.isFinite(vector[at])) return 'expected finite numbers in the vector';
  }
  return undefined;
}
