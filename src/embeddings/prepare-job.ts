import { type Clock, systemClock } from '../core/clock.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import { isSqlState } from '../db/sqlstate.ts';
import type { JobSpec, PreparedJob } from './job-spec.ts';
import { listJobs } from './list-jobs.ts';
import { runPinned } from './pinned-transaction.ts';
import { findUnsoundCapture, placeTriggers } from './table/capture-triggers.ts';
import {
  checkSchema,
  checkTable,
  findColumn,
  isPlainKey,
  requireFilter,
  requireKey,
  requireSource,
  shownName,
  sourceKindOf,
  warningsOf,
} from './table/check-table.ts';
import { requireChunkTable, takenChunkTable } from './table/chunk-table.ts';
import type { VectorType } from './table/column-type.ts';
import { addColumn, checkDestination, refuseRenamed, warningsOfDestination } from './table/destination.ts';
import type { EmbeddedTable, VectorWire } from './table/embedded-table.ts';
import { type ColumnFacts, inspectTable, type TableFacts } from './table/inspect-table.ts';
import { invalidJob } from './table/invalid-job.ts';
import type { LockPatience } from './table/lock-table.ts';
import { quoteIdentifier } from './table/quote-identifier.ts';

const REGISTER_EMBEDDING_JOB = loadQuery('register_embedding_job');
/** Errors of a daemon that makes what another one, preparing the same job, has made a moment before. */
const MADE_ALREADY = ['duplicateColumn', 'duplicateObject', 'duplicateTable', 'uniqueViolation'] as const;
/** Each try gets past one of them at least. */
const MOST_TRIES = 5;
const BUILD_CAPTURE = loadQuery('build_capture');
const CAPTURE_LIMIT_BYTES = 2 ** 30;
/** Most dimensions of a `vector` of pgvector. */
const MOST_DIMENSIONS = 16_000;

export interface PrepareOptions {
  /** How long DDL may wait for a table that is in use; then the server's error 55P03: try again later. @default 30000 */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** @default the host's */
  readonly clock?: Clock;
}

/**
 * Prepares a job: checks its tables and columns, adds a missing destination column or chunk table, registers the job and installs its
 * capture. It is idempotent, and cheap if nothing has changed: call it when the job row changes, after JOB_CHANGED, when a claim was
 * marked, and once a minute, because tables change and users fix their jobs. Changes of the texts are captured before it returns.
 *
 * @throws LamplighterError JOB_INVALID, whose message says to the user what is wrong; the server's errors.
 */
export async function prepareJob(db: Pool, spec: JobSpec, options: PrepareOptions = {}): Promise<PreparedJob> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await prepareOnce(db, spec, options);
    } catch (error) {
      const isMadeByAnother = MADE_ALREADY.some((state) => isSqlState(error, state));
      if (!isMadeByAnother || tries >= MOST_TRIES) throw error;
    }
  }
}

async function prepareOnce(db: Pool, spec: JobSpec, options: PrepareOptions): Promise<PreparedJob> {
  const { patienceMs = 30_000, clock = systemClock, signal } = options;
  const patience: LockPatience = { patienceMs, clock, signal };
  checkSchema(spec);
  let facts = await requireTable(db, spec);
  const source = requireSource(facts, spec);
  const filter = requireFilter(facts, spec);
  const key = requireKey(facts, spec);
  const { chunks } = spec;
  if (chunks !== undefined && spec.images !== undefined) {
    throw invalidJob(`${spec.model} takes images, which are not divided into chunks`, 'Leave dst_table out.');
  }
  if (spec.srcColumn === spec.dstColumn && chunks === undefined)
    throw invalidJob('The source and the destination are the same column');
  const jobs = await listJobs(db, spec.controlId);
  const before = jobs.find(({ jobId }) => jobId === spec.jobId);

  let chunkFacts: TableFacts | undefined;
  if (chunks !== undefined) {
    const others = jobs.filter((job) => job !== before);
    chunkFacts = await requireChunkTable(db, { spec, chunks, source: facts, key, others }, patience);
  } else if (findColumn(facts, spec.dstColumn) === undefined) {
    refuseRenamed(facts, spec, before);
    await addColumn(db, facts, spec, patience);
    facts = await requireTable(db, spec);
  }
  const holder = chunkFacts ?? facts;
  const dst = findColumn(holder, spec.dstColumn);
  if (dst === undefined)
    throw invalidJob(`${shownName(chunks ?? spec)} has no column ${quoteIdentifier(spec.dstColumn)}`);
  const type = await checkDestination(db, { facts, holder, spec, dst, before });

  const columns = { source, filter, dst, key };
  const registered = await register(db, facts, chunkFacts, spec, columns);
  const { rows } = await db.query<{ name: string; is_changed: boolean }>(BUILD_CAPTURE, [registered.id]);
  const [capture] = rows;
  if (capture === undefined) throw invalidJob(`${shownName(spec)} was changed while the job was being prepared`);
  await placeTriggers(db, { facts, jobId: registered.id, captureName: capture.name, patience });
  const unsound = await findUnsoundCapture(db, facts, capture.name);

  return {
    id: registered.id,
    generation: registered.generation,
    model: spec.model,
    dimensions: spec.dimensions,
    trustsVectors: registered.trusts_vectors,
    table: describeTable(facts, chunkFacts, spec, { ...columns, type }),
    warnings: [...warningsOf(facts, key), ...warningsOfDestination(holder, dst), ...unsound],
  };
}

async function requireTable(db: Pool, spec: JobSpec): Promise<TableFacts> {
  // Pinned, as types are spelled by the search_path.
  const facts = await runPinned(db, (transaction) => inspectTable(transaction, spec.schema, spec.table));
  if (facts === undefined) {
    throw invalidJob(
      `The table ${shownName(spec)} does not exist`,
      'Names count as they are written, capitals and dots included; the schema has a column of its own.',
    );
  }
  checkTable(facts, spec);
  return facts;
}

interface Registered {
  readonly id: string;
  readonly generation: string;
  readonly trusts_vectors: boolean;
}

interface JobColumns {
  readonly source: ColumnFacts;
  readonly filter: ColumnFacts | undefined;
  readonly dst: ColumnFacts;
  readonly key: readonly ColumnFacts[];
}

async function register(
  db: Pool,
  facts: TableFacts,
  chunkFacts: TableFacts | undefined,
  spec: JobSpec,
  { source, filter, dst, key }: JobColumns,
): Promise<Registered> {
  const { chunks } = spec;
  const { rows } = await db.query<Registered & { taken_by: string | null }>(REGISTER_EMBEDDING_JOB, [
    spec.controlId,
    spec.jobId,
    facts.oid,
    spec.schema,
    spec.table,
    source.name,
    source.number,
    dst.name,
    dst.number,
    key.map(({ name }) => name),
    key.map(({ number }) => number),
    dst.type,
    spec.model,
    spec.dimensions,
    spec.captureLimitBytes ?? CAPTURE_LIMIT_BYTES,
    filter?.name ?? null,
    filter?.number ?? null,
    chunkFacts?.oid ?? null,
    chunks?.schema ?? null,
    chunks?.table ?? null,
    chunks?.size ?? null,
    chunks?.overlap ?? null,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_embedding_job returned no row');
  if (row.taken_by !== null) {
    throw chunks === undefined
      ? invalidJob(
          `${shownName(spec)}.${quoteIdentifier(dst.name)} is filled by job ${row.taken_by} already`,
          'Each destination column has one job: cancel one of them, or name another dst_column.',
        )
      : takenChunkTable(chunks, row.taken_by);
  }
  return row;
}

function describeTable(
  facts: TableFacts,
  chunkFacts: TableFacts | undefined,
  { schema, chunks, dimensions }: JobSpec,
  { source, filter, dst, key, type }: JobColumns & { readonly type: VectorType },
): EmbeddedTable {
  const [root] = facts.relations;
  if (root === undefined) throw new Error('a table without itself');
  const wire = wireOf(facts, dimensions);
  return {
    oid: facts.oid,
    name: root.name,
    schema: quoteIdentifier(schema),
    leaves: facts.relations.filter(({ kind }) => kind === 'r').map(({ oid, name }) => ({ oid, name })),
    keyColumns: key.map((column) => ({
      name: column.name,
      type: `${quoteIdentifier(column.baseSchema)}.${quoteIdentifier(column.baseName)}`,
      equality: column.equality ?? undefined,
      isPlain: isPlainKey(column),
    })),
    srcColumn: source.name,
    srcKind: sourceKindOf(source),
    filterColumn: filter?.name,
    dstColumn: dst.name,
    dstCast: wire.isOfExtension && type.cast !== '' ? type.cast : `::pg_catalog.float4[]${type.cast}`,
    wire,
    chunks:
      chunks === undefined || chunkFacts === undefined
        ? undefined
        : {
            oid: chunkFacts.oid,
            name: shownName(chunks),
            schema: quoteIdentifier(chunks.schema),
            size: chunks.size,
            overlap: chunks.overlap,
          },
  };
}

/** pgvector's type where it is installed, for `real[]` too: the server reads it ten times faster than a `float4[]`, from half as many bytes. */
function wireOf({ vectorSchema, vectorOid, numbersOid }: TableFacts, dimensions: number): VectorWire {
  return vectorSchema === undefined || vectorOid === undefined || dimensions > MOST_DIMENSIONS
    ? { type: 'lamplighter.embedding_vector', oid: numbersOid, isOfExtension: false }
    : { type: `${quoteIdentifier(vectorSchema)}.vector`, oid: vectorOid, isOfExtension: true };
}
