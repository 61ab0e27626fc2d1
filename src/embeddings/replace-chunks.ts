import type { Queryable } from '../db/query.ts';
import type { BatchRow } from './embedding-batch.ts';
import { encodeVectors } from './encode-vectors.ts';
import type { PreparedJob } from './job-spec.ts';
import type { PlannedChunk } from './plan-chunks.ts';
import {
  type ChunkedTable,
  chunkHashOf,
  cutChunks,
  moveChunks,
  putChunks,
  selectChunkStates,
} from './table/chunk-sql.ts';
import { hidePath, nameTriggers, showPath } from './user-triggers.ts';

/** Chunks of one statement: their vectors are one parameter. */
const MOST_CHUNKS = 1_000;

/** A chunk of a document; its vector is there already, under the number `from`, or else given. */
export interface EmbeddedChunk extends PlannedChunk {
  readonly vector: Float32Array | undefined;
}

/** A row that is done, and of a document the hash of its chunks. */
export interface StampedRow extends BatchRow {
  readonly chunkHash?: string | undefined;
}

/** The chunks of documents are not what was written: nothing of it may stay. */
export class ChunksAltered extends Error {}

interface DocumentWrite {
  readonly row: BatchRow;
  readonly chunks: readonly EmbeddedChunk[];
}

interface ChunkWrite extends EmbeddedChunk {
  /** The number of the document, from 1. */
  readonly document: number;
  readonly no: number;
}

/**
 * Replaces the chunks of documents, whose rows are locked, in the transaction of the caller. A chunk that already has its number is not
 * written; a moved one keeps its vector.
 *
 * @throws ChunksAltered when a trigger changes written chunks, or chunks were changed since the claim.
 */
export async function replaceChunks(
  db: Queryable,
  { table, dimensions }: Pick<PreparedJob, 'dimensions'> & { readonly table: ChunkedTable },
  documents: readonly DocumentWrite[],
  searchPath: string,
): Promise<readonly StampedRow[]> {
  if (documents.length === 0) return [];
  const keys = documents.map(({ row }) => row.key);
  const writes = documents.flatMap(({ chunks }, at) =>
    chunks.map((chunk, no): ChunkWrite => ({ ...chunk, no, document: at + 1 })),
  );
  await showPath(db, searchPath, table.chunks.schema);
  // Moves read the vectors that what follows writes over.
  const moves = writes.filter(({ from, no }) => from !== undefined && from !== no);
  if (moves.length > 0) {
    await db.query(moveChunks(table), [keys, ...columnsOf(moves), moves.map(({ from }) => from)]);
  }
  const made = writes.flatMap((write) =>
    write.from === undefined && write.vector !== undefined ? { ...write, vector: write.vector } : [],
  );
  for (let at = 0; at < made.length; at += MOST_CHUNKS) {
    const part = made.slice(at, at + MOST_CHUNKS);
    const vectors = encodeVectors(
      table.wire,
      part.map(({ vector }) => vector),
      dimensions,
    );
    await db.query(putChunks(table), [keys, ...columnsOf(part), vectors]);
  }
  await db.query(cutChunks(table), [keys, documents.map(({ chunks }) => chunks.length)]);
  await hidePath(db);
  return verify(db, table, documents);
}

/** Takes all chunks of documents away. */
export async function clearDocuments(db: Queryable, table: ChunkedTable, keys: readonly string[]): Promise<void> {
  await db.query(cutChunks(table), [keys, keys.map(() => 0)]);
}

function columnsOf(writes: readonly ChunkWrite[]): readonly [readonly number[], readonly number[], readonly string[]] {
  return [writes.map(({ document }) => document), writes.map(({ no }) => no), writes.map(({ text }) => text)];
}

async function verify(db: Queryable, table: ChunkedTable, documents: readonly DocumentWrite[]): Promise<StampedRow[]> {
  const { rows } = await db.query<{ position: number; chunk_hash: string | null; is_partial: boolean }>(
    selectChunkStates(table),
    [documents.map(({ row }) => row.key)],
  );
  const states = new Map(rows.map((state) => [state.position, state]));
  const stamped = documents.map(({ row, chunks }, at) => {
    const state = states.get(at + 1);
    const chunkHash = chunkHashOf(
      table.chunks,
      chunks.map(({ digest }) => digest),
    );
    const isWhole = state !== undefined && !state.is_partial && (state.chunk_hash ?? undefined) === chunkHash;
    return isWhole ? { ...row, chunkHash } : undefined;
  });
  const whole = stamped.flatMap((row) => row ?? []);
  if (whole.length === stamped.length) return whole;
  throw new ChunksAltered(
    `${await nameTriggers(db, table.chunks.oid)} or another session changed chunks as they were written to ${table.chunks.name}`,
  );
}
