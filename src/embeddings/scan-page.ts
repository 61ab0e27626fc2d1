import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import type { Queryable } from '../db/query.ts';
import { type EmbeddingBatch, type JudgedRow, toBatch } from './embedding-batch.ts';
import type { PreparedJob } from './job-spec.ts';
import { runPinned } from './pinned-transaction.ts';
import { holdTables } from './table/hold-tables.ts';
import { selectPage } from './table/table-sql.ts';
import { writeVectors } from './write-vectors.ts';

const READ_PASS = loadQuery('read_pass');
const RECORD_PAGE = loadQuery('record_page');
const LAST_BLOCK = 2 ** 32 - 2;

export interface ScanOptions {
  /** The process that serves the job, see `claimJob`. */
  readonly holderId: string;
  /** Most rows to be embedded. */
  readonly limit: number;
  /** Blocks of the table to read, of 8 kB each. Too many make one long statement; what is too much for `limit` is read again. */
  readonly blocks: number;
}

export interface ScanPage {
  /** Undefined when no row of the page needs a model. */
  readonly batch: EmbeddingBatch | undefined;
  /** Rows of the page, and the bytes of their texts. */
  readonly rows: number;
  readonly bytes: number;
  /** Blocks of the page. */
  readonly blocks: number;
  /** True when blocks were left for the next page, as `limit` was reached: they are read again. */
  readonly isCut: boolean;
  /** True when the pass is over, or none runs. */
  readonly isEnd: boolean;
  /** Rows without their vector that the pass has found so far, those included that wait in a batch of a pass. One that found any is followed by another. */
  readonly found: number;
}

const END: ScanPage = { batch: undefined, rows: 0, bytes: 0, blocks: 0, isCut: false, isEnd: true, found: 0 };

interface PageSummary {
  readonly rows: number;
  readonly blank: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly isCut: boolean;
  readonly last: string | null;
}

/**
 * Looks at one page of the running pass, by place in the table, and takes the rows that need a vector. Rows that are in a batch already are
 * passed over, and count as found where a pass has found them. The pass goes on where it stood, whichever process began it.
 *
 * @throws LamplighterError JOB_CHANGED, LEASE_LOST; the server's errors.
 */
export async function scanPage(db: Pool, job: PreparedJob, options: ScanOptions): Promise<ScanPage> {
  const page = await runPinned(db, (transaction) => readPage(transaction, job, options));
  if (page.batch === undefined || page.batch.rows.length > 0) return page;
  await writeVectors(db, job, page.batch, []);
  return { ...page, batch: undefined };
}

async function readPage(db: Queryable, job: PreparedJob, { holderId, limit, blocks }: ScanOptions): Promise<ScanPage> {
  const pass = await db.query<{
    relation: string;
    place: string | null;
    is_full: boolean;
    found_rows: string;
    trusted_xid: string | null;
  }>(READ_PASS, [job.id, job.generation, holderId]);
  const [position] = pass.rows;
  if (position === undefined) return END;
  const leaf = job.table.leaves.find(({ oid }) => oid === position.relation);
  // A partition that was detached since the pass began: nothing of it is the job's any more.
  const { judged, summary, next, size } =
    leaf === undefined
      ? { judged: [], summary: undefined, next: null, size: 0 }
      : await readLeaf(db, job, leaf, {
          from: position.place ?? '(0,0)',
          isFull: position.is_full,
          trustedXid: job.trustsVectors ? position.trusted_xid : null,
          limit,
          blocks,
        });

  const taken = judged.filter(({ kind }) => kind === 'embed' || kind === 'clear');
  const settled = judged.filter(({ kind }) => kind === 'blank' || kind === 'trusted');
  const { rows } = await db.query<{ batch_id: string | null; is_end: boolean; found_rows: string }>(RECORD_PAGE, [
    job.id,
    holderId,
    next,
    summary?.rows ?? 0,
    summary?.blank ?? 0,
    summary?.waiting ?? 0,
    settled.map(({ key_hash }) => key_hash),
    settled.map(({ text_hash }) => text_hash),
    [...new Set(taken.map(({ key }) => key))],
  ]);
  const [recorded] = rows;
  const id = recorded?.batch_id ?? undefined;
  return {
    batch: id === undefined ? undefined : toBatch({ id, holderId, attempt: 0, deaths: 0, loneDeaths: 0 }, taken),
    rows: summary?.rows ?? 0,
    bytes: summary?.bytes ?? 0,
    blocks: size,
    isCut: summary?.isCut ?? false,
    isEnd: recorded?.is_end ?? true,
    found: Number(recorded?.found_rows ?? 0),
  };
}

interface LeafPage {
  readonly judged: readonly JudgedRow[];
  readonly summary: PageSummary;
  /** Where the next page begins; null at the end of the leaf. */
  readonly next: string | null;
  /** The size in blocks. */
  readonly size: number;
}

async function readLeaf(
  db: Queryable,
  job: PreparedJob,
  leaf: { readonly oid: string; readonly name: string },
  options: { from: string; isFull: boolean; trustedXid: string | null; limit: number; blocks: number },
): Promise<LeafPage> {
  const { from, isFull, trustedXid, limit, blocks } = options;
  await holdTables(db, job.id, [leaf, ...(job.table.chunks === undefined ? [] : [job.table.chunks])]);
  const size = await db.query<{ blocks: string }>(
    `select pg_catalog.pg_relation_size($1::pg_catalog.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8 as blocks`,
    [leaf.oid],
  );
  const firstBlock = blockOf(from);
  const endBlock = Math.min(firstBlock + blocks, LAST_BLOCK);
  const { rows } = await db.query<Omit<JudgedRow, 'leaf' | 'kind'> & { kind: JudgedRow['kind'] | 'page' }>(
    selectPage(job.table, leaf.name),
    [job.id, job.model, job.dimensions, trustedXid, from, `(${endBlock},0)`, isFull, limit],
  );
  const judged: JudgedRow[] = [];
  let summary: PageSummary = { rows: 0, blank: 0, waiting: 0, bytes: 0, isCut: false, last: null };
  for (const row of rows) {
    // Made by the statement itself.
    if (row.kind === 'page') summary = JSON.parse(row.text ?? '{}') as PageSummary;
    else judged.push({ ...row, kind: row.kind, leaf: leaf.oid });
  }
  const isLeafEnd = endBlock >= Number(size.rows[0]?.blocks ?? 0);
  const next = summary.isCut ? summary.last : isLeafEnd ? null : `(${endBlock},0)`;
  const lastBlock = summary.isCut ? blockOf(summary.last ?? from) : endBlock - 1;
  return { judged, summary, next, size: lastBlock - firstBlock + 1 };
}

function blockOf(place: string): number {
  return Number(/^\((\d+),/.exec(place)?.[1] ?? 0);
}
