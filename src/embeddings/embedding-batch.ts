import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { RowKind } from './table/table-sql.ts';

/** A row to be embedded. Several of a batch may have the same text: embed it once. */
export interface EmbeddingRow {
  /** The values of its key columns as the text of an array, for people. */
  readonly key: string;
  readonly text: string;
  /** The chunks of a document that have their vectors already, as `planChunks` takes them. */
  readonly known?: readonly string[];
}

/** A row of a batch where it was seen last, and what has to be done with it. */
export interface BatchRow {
  /** The oid of the table that holds it. */
  readonly leaf: string;
  readonly place: string;
  readonly key: string;
  readonly keyHash: string;
  /** 128 bits of the bytes of its text; undefined for a blank one. */
  readonly textHash: string | undefined;
}

/** Rows that a process holds by its lease until it calls `writeVectors` or `releaseBatch`. */
export interface EmbeddingBatch {
  readonly id: string;
  readonly holderId: string;
  /** How often it has been tried before. */
  readonly attempt: number;
  /** How many processes have died while they held it: with nothing beside it, the one to blame is found. */
  readonly deaths: number;
  /** How many of them had isolated it. */
  readonly loneDeaths: number;
  readonly rows: readonly EmbeddingRow[];
  /** The place of each of `rows`, in order. */
  readonly places: readonly BatchRow[];
  /** Rows whose text is blank now: their vectors are taken away. */
  readonly clears: readonly BatchRow[];
  /** Keys of rows that are left to a later claim. */
  readonly postponed: readonly string[];
  /** Rows of which only a stamp is missing. */
  readonly settled: readonly BatchRow[];
}

/** A row as the statements of table-sql.ts return it. */
export interface JudgedRow {
  readonly leaf: string;
  readonly place: string;
  readonly key: string;
  readonly key_hash: string;
  readonly text_hash: string | null;
  readonly kind: RowKind;
  readonly text: string | null;
  /** Known chunks, of documents only. */
  readonly known?: readonly string[] | null;
}

interface BatchIdentity {
  readonly id: string;
  readonly holderId: string;
  readonly attempt: number;
  /** How many processes have died while they held it: with nothing beside it, the one to blame is found. */
  readonly deaths: number;
  /** How many of them had isolated it. */
  readonly loneDeaths: number;
}

export function toBatch(identity: BatchIdentity, judged: readonly JudgedRow[]): EmbeddingBatch {
  const ofKind = (...kinds: RowKind[]) => judged.filter(({ kind }) => kinds.includes(kind));
  const embedded = ofKind('embed');
  return {
    ...identity,
    rows: embedded.map(({ key, text, known }) => ({
      key,
      text: text ?? '',
      ...(known === undefined ? {} : { known: known ?? [] }),
    })),
    places: embedded.map(toBatchRow),
    clears: ofKind('clear').map(toBatchRow),
    postponed: ofKind('later').map(({ key }) => key),
    settled: ofKind('blank', 'trusted').map(toBatchRow),
  };
}

function toBatchRow({ leaf, place, key, key_hash, text_hash }: JudgedRow): BatchRow {
  return { leaf, place, key, keyHash: key_hash, textHash: text_hash ?? undefined };
}

/** What the answers have cost, for `lamplighter.embedding_usage`. */
export interface BatchUsage {
  readonly texts?: number;
  readonly tokens?: number;
  /** The one that tokens were claimed for, of which `tokens` is the rest. @default today, in UTC */
  readonly day?: string;
  readonly calls?: number;
  /** Texts that were longer than the model's window. */
  readonly truncated?: number;
}

const ISOLATE_BATCH = loadQuery('isolate_batch');

/**
 * Notes that the process has given nothing to any model but this batch of one row, so that its death is held against this row alone, or that
 * this is not so any more. `key` is that of the row; other keys of the batch, which need no vector, go into a batch of nobody's.
 */
export async function isolateBatch(
  db: Queryable,
  { id, holderId }: Pick<EmbeddingBatch, 'id' | 'holderId'>,
  key: string,
  isIsolated: boolean,
): Promise<void> {
  await db.query(ISOLATE_BATCH, [id, holderId, key, isIsolated]);
}

const RELEASE_BATCH = loadQuery('release_batch');
const RESCUE_BATCHES = loadQuery('rescue_batches');

/** Gives a batch back uncharged, to be claimed again after `delayMs`; without effect when it is no longer the holder's. */
export async function releaseBatch(
  db: Queryable,
  { id, holderId }: Pick<EmbeddingBatch, 'id' | 'holderId'>,
  { delayMs = 0 }: { readonly delayMs?: number } = {},
): Promise<void> {
  await db.query(RELEASE_BATCH, [id, holderId, delayMs]);
}

/** Takes batches back from processes that are not alive; how many. */
export async function rescueBatches(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ rescued: number }>(RESCUE_BATCHES);
  return rows[0]?.rescued ?? 0;
}
