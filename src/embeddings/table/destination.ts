import type { Pool } from '../../db/pool.ts';
import type { JobSpec } from '../job-spec.ts';
import type { RegisteredJob } from '../list-jobs.ts';
import { runPinned } from '../pinned-transaction.ts';
import { shownName } from './check-table.ts';
import { parseColumnType, type VectorType, vectorTypeOf } from './column-type.ts';
import type { ColumnFacts, TableFacts } from './inspect-table.ts';
import { invalidJob } from './invalid-job.ts';
import { type LockPatience, runWithTableLock } from './lock-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';
import { selectAnyRow, selectAnyVector } from './table-sql.ts';

/**
 * A column that was renamed would be missed, made anew under its former name, and filled again.
 *
 * @throws LamplighterError JOB_INVALID.
 */
export function refuseRenamed(facts: TableFacts, spec: JobSpec, before: RegisteredJob | undefined): void {
  if (before === undefined || before.chunkTable !== undefined || before.dstColumn !== spec.dstColumn) return;
  const renamed = isNumberOf(before, facts)
    ? facts.columns.find(({ number }) => number === before.dstNumber)
    : undefined;
  if (renamed === undefined) return;
  throw invalidJob(
    `${shownName(spec)}.${quoteIdentifier(spec.dstColumn)} was renamed to ${quoteIdentifier(renamed.name)}`,
    'Name it so in dst_column of the job: its vectors stay.',
  );
}

/** The number of the job's column is one of this table. */
function isNumberOf({ tableOid, state }: RegisteredJob, { oid }: TableFacts): boolean {
  return tableOid === oid && state !== 'canceled';
}

/** Adds the column of the vectors to the table of the texts. */
export async function addColumn(db: Pool, facts: TableFacts, spec: JobSpec, patience: LockPatience): Promise<void> {
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

export interface Destination {
  /** The table of the texts. */
  readonly facts: TableFacts;
  /** The one that has the vectors. */
  readonly holder: TableFacts;
  readonly spec: JobSpec;
  readonly dst: ColumnFacts;
  /** The job as it was. */
  readonly before: RegisteredJob | undefined;
}

/**
 * The type of a destination that is there; one that holds vectors or chunks has to be this job's already, or given by the table's owner.
 *
 * @throws LamplighterError JOB_INVALID.
 */
export async function checkDestination(db: Pool, destination: Destination): Promise<VectorType> {
  const { facts, holder, spec, dst, before } = destination;
  const { chunks } = spec;
  const place = `${shownName(chunks ?? spec)}.${quoteIdentifier(dst.name)}`;
  if (dst.generated !== '') throw invalidJob(`${place} is a generated column, which cannot be written`);
  if (!dst.canUpdate) {
    const role = quoteIdentifier(holder.login.name);
    throw invalidJob(
      `${role} may not UPDATE ${place}`,
      `GRANT UPDATE (${quoteIdentifier(dst.name)}) ON ${shownName(chunks ?? spec)} TO ${role};`,
    );
  }
  const type = vectorTypeOf(dst, spec.dimensions, holder.vectorSchema);
  const owner = facts.relations[0]?.owner;
  const isGiven = spec.jobRowOwner !== undefined && spec.jobRowOwner === owner && owner === holder.relations[0]?.owner;
  const isOurs = isOwn(destination);
  const isSameSize = before?.dimensions === spec.dimensions;
  if ((isOurs && isSameSize) || (isGiven && !isOurs)) return type;
  const isFilled = await runPinned(db, async (transaction) => {
    const text = chunks === undefined ? selectAnyVector(shownName(spec), dst.name) : selectAnyRow(shownName(chunks));
    const { rows } = await transaction.query<{ is_filled: boolean }>(text);
    return rows[0]?.is_filled ?? false;
  });
  if (!isFilled) return type;
  if (isOurs) {
    throw invalidJob(
      `${place} holds vectors of ${before?.dimensions} dimensions, and those of ${spec.model} have ${spec.dimensions}`,
      `Name another ${chunks === undefined ? 'dst_column' : 'dst_table'}: the old vectors stay where they are.`,
    );
  }
  throw chunks === undefined
    ? invalidJob(
        `${place} holds values that are not this job's`,
        'Name an empty or a new column, or let the owner of the table add the job.',
      )
    : invalidJob(
        `${shownName(chunks)} holds rows that are not this job's`,
        'Name an empty or a new table, or let the owner of both tables add the job.',
      );
}

function isOwn({ facts, holder, spec, dst, before }: Destination): boolean {
  if (before === undefined) return false;
  const { chunks } = spec;
  const isRenamed =
    chunks === undefined &&
    before.chunkTable === undefined &&
    isNumberOf(before, facts) &&
    before.dstNumber === dst.number;
  if (isRenamed) return true;
  if (before.dstColumn !== spec.dstColumn) return false;
  if (chunks === undefined || before.chunkTable === undefined) {
    return (
      chunks === before.chunkTable &&
      (before.tableOid === facts.oid || (before.schema === spec.schema && before.table === spec.table))
    );
  }
  const { oid, schema, table } = before.chunkTable;
  return oid === holder.oid || (schema === chunks.schema && table === chunks.table);
}

/** Sentences about what makes writing slow. */
export function warningsOfDestination({ indexes }: TableFacts, dst: ColumnFacts): string[] {
  return indexes
    .filter(({ first, method }) => first === dst.name && method === 'hnsw')
    .map(
      ({ name }) =>
        `The index ${name} makes writing vectors some 20 times slower: drop it before a large backfill, and make it again after.`,
    );
}
