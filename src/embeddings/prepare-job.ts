import { type Clock, systemClock } from '../core/clock.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import type { JobSpec, PreparedJob } from './job-spec.ts';
import { listJobs, type RegisteredJob } from './list-jobs.ts';
import { runPinned } from './pinned-transaction.ts';
import { findUnsoundCapture, placeTriggers } from './table/capture-triggers.ts';
import {
  checkSchema,
  checkTable,
  findColumn,
  isPlainKey,
  isPlainText,
  requireKey,
  requireSource,
  shownName,
  warningsOf,
} from './table/check-table.ts';
import { parseColumnType, type VectorType, vectorTypeOf } from './table/column-type.ts';
import type { EmbeddedTable } from './table/embedded-table.ts';
import { type ColumnFacts, inspectTable, type TableFacts } from './table/inspect-table.ts';
import { invalidJob } from './table/invalid-job.ts';
import { type LockPatience, runWithTableLock } from './table/lock-table.ts';
import { quoteIdentifier } from './table/quote-identifier.ts';
import { selectAnyVector } from './table/table-sql.ts';

const REGISTER_EMBEDDING_JOB = loadQuery('register_embedding_job');
const BUILD_CAPTURE = loadQuery('build_capture');
const CAPTURE_LIMIT_BYTES = 2 ** 30;

export interface PrepareOptions {
  /** For how long DDL may wait for a table that is in use; then the server's error 55P03: try again later. @default 30000 */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** @default the host's */
  readonly clock?: Clock;
}

/**
 * Makes a job ready: checks what it names, adds the destination column where it is missing, registers the job and sees to its capture.
 * Idempotent and cheap where nothing has changed: call it when the job row changes, after JOB_CHANGED, when a claim was marked, and once a
 * minute, as tables change their shape and users mend what was wrong. Changes of the texts are captured before it returns.
 *
 * @throws LamplighterError JOB_INVALID, whose message says to the user what is wrong; the server's errors.
 */
export async function prepareJob(db: Pool, spec: JobSpec, options: PrepareOptions = {}): Promise<PreparedJob> {
  const { patienceMs = 30_000, clock = systemClock, signal } = options;
  const patience: LockPatience = { patienceMs, clock, signal };
  checkSchema(spec);
  let facts = await requireTable(db, spec);
  const source = requireSource(facts, spec);
  const key = requireKey(facts, spec);
  if (spec.srcColumn === spec.dstColumn) throw invalidJob('The source and the destination are the same column');
  const before = (await listJobs(db, spec.controlId)).find(({ jobId }) => jobId === spec.jobId);

  if (findColumn(facts, spec.dstColumn) === undefined) {
    await addColumn(db, facts, spec, patience);
    facts = await requireTable(db, spec);
  }
  const dst = findColumn(facts, spec.dstColumn);
  if (dst === undefined) throw invalidJob(`${shownName(spec)} has no column ${quoteIdentifier(spec.dstColumn)}`);
  const type = await checkDestination(db, facts, spec, dst, before);

  const registered = await register(db, facts, spec, { source, dst, key });
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
    table: describeTable(facts, spec.schema, { source, dst, key, type }),
    warnings: [...warningsOf(facts, key, dst), ...unsound],
  };
}

async function requireTable(db: Pool, spec: JobSpec): Promise<TableFacts> {
  // Pinned, as types are spelled by the search_path.
  const facts = await runPinned(db, (transaction) => inspectTable(transaction, spec.schema, spec.table));
  if (facts === undefined) throw invalidJob(`The table ${shownName(spec)} does not exist`);
  checkTable(facts, spec);
  return facts;
}

async function addColumn(db: Pool, facts: TableFacts, spec: JobSpec, patience: LockPatience): Promise<void> {
  const name = shownName(spec);
  const column = quoteIdentifier(spec.dstColumn);
  const type = parseColumnType(spec.columnType ?? 'REAL[]', spec.dimensions, facts.vectorSchema);
  const statement = `ALTER TABLE ${name} ADD COLUMN ${column} ${type.definition}`;
  if (facts.publications.length > 0) {
    throw invalidJob(
      `${name} has no column ${column}, and is published (${facts.publications.map(quoteIdentifier).join(', ')}): subscribers without the column would stop`,
      `Add it on the subscribers first, then here: ${statement};`,
    );
  }
  if (facts.relations[0]?.isOwned !== true) {
    throw invalidJob(
      `${name} has no column ${column}, and ${quoteIdentifier(facts.login.name)} does not own the table`,
      `${statement};`,
    );
  }
  await runWithTableLock(db, patience, (transaction) =>
    transaction.query(statement.replace('ADD COLUMN', 'ADD COLUMN IF NOT EXISTS')),
  );
}

/** The type of a destination that is there; one that holds vectors has to be this job's already, or given by the table's owner. */
async function checkDestination(
  db: Pool,
  facts: TableFacts,
  spec: JobSpec,
  dst: ColumnFacts,
  before: RegisteredJob | undefined,
): Promise<VectorType> {
  const place = `${shownName(spec)}.${quoteIdentifier(dst.name)}`;
  if (dst.generated !== '') throw invalidJob(`${place} is a generated column, which cannot be written`);
  if (!dst.canUpdate) {
    const role = quoteIdentifier(facts.login.name);
    throw invalidJob(
      `${role} may not UPDATE ${place}`,
      `GRANT UPDATE (${quoteIdentifier(dst.name)}) ON ${shownName(spec)} TO ${role};`,
    );
  }
  const type = vectorTypeOf(dst, spec.dimensions, facts.vectorSchema);
  const isOurs =
    before !== undefined &&
    before.dstColumn === spec.dstColumn &&
    (before.tableOid === facts.oid || (before.schema === spec.schema && before.table === spec.table));
  const isGiven = spec.jobRowOwner !== undefined && spec.jobRowOwner === facts.relations[0]?.owner;
  const isSameSize = before?.dimensions === spec.dimensions;
  if ((isOurs && isSameSize) || (isGiven && !isOurs)) return type;
  const hasVectors = await runPinned(db, async (transaction) => {
    const { rows } = await transaction.query<{ has_vectors: boolean }>(selectAnyVector(shownName(spec), dst.name));
    return rows[0]?.has_vectors ?? false;
  });
  if (!hasVectors) return type;
  throw isOurs
    ? invalidJob(
        `${place} holds vectors of ${before.dimensions} dimensions, and those of ${spec.model} have ${spec.dimensions}`,
        'Name another dst_column: the old vectors stay where they are.',
      )
    : invalidJob(
        `${place} holds values that are not this job's`,
        'Name an empty or a new column, or let the owner of the table add the job.',
      );
}

interface Registered {
  readonly id: string;
  readonly generation: string;
  readonly trusts_vectors: boolean;
}

interface JobColumns {
  readonly source: ColumnFacts;
  readonly dst: ColumnFacts;
  readonly key: readonly ColumnFacts[];
}

async function register(
  db: Pool,
  facts: TableFacts,
  spec: JobSpec,
  { source, dst, key }: JobColumns,
): Promise<Registered> {
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
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_embedding_job returned no row');
  if (row.taken_by !== null) {
    throw invalidJob(
      `${shownName(spec)}.${quoteIdentifier(dst.name)} is filled by job ${row.taken_by} already`,
      'Each destination column has one job: cancel one of them, or name another dst_column.',
    );
  }
  return row;
}

function describeTable(
  facts: TableFacts,
  schema: string,
  { source, dst, key, type }: JobColumns & { readonly type: VectorType },
): EmbeddedTable {
  const [root] = facts.relations;
  if (root === undefined) throw new Error('a table without itself');
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
    isSrcPlain: isPlainText(source),
    dstColumn: dst.name,
    dstCast: type.cast,
  };
}
