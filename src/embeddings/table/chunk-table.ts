import type { LamplighterError } from '../../core/errors.ts';
import type { Pool } from '../../db/pool.ts';
import type { Queryable } from '../../db/query.ts';
import type { ChunkSpec, JobSpec } from '../job-spec.ts';
import type { RegisteredJob } from '../list-jobs.ts';
import { runPinned } from '../pinned-transaction.ts';
import { checkSchema, checkTrust, findColumn, requireRights, shownName } from './check-table.ts';
import { parseColumnType } from './column-type.ts';
import { CHUNK_NUMBER, CHUNK_TEXT } from './embedded-table.ts';
import { type ColumnFacts, inspectTable, type TableFacts } from './inspect-table.ts';
import { invalidJob } from './invalid-job.ts';
import { type LockPatience, runWithTableLock } from './lock-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';

interface ChunkTableWish {
  readonly spec: JobSpec;
  readonly chunks: ChunkSpec;
  /** The table of the texts, and its key. */
  readonly source: TableFacts;
  readonly key: readonly ColumnFacts[];
  /** Other rows of the jobs table. */
  readonly others: readonly RegisteredJob[];
}

/**
 * The table of the chunks, made where it is missing, and checked: a row for each chunk, by the key of the source and a number; what a key
 * refers to takes its chunks with it when it goes, and keeps them when its key changes.
 *
 * @throws LamplighterError JOB_INVALID; the server's errors.
 */
export async function requireChunkTable(db: Pool, wish: ChunkTableWish, patience: LockPatience): Promise<TableFacts> {
  const { spec, chunks, source, key } = wish;
  checkSchema(chunks);
  checkNames(spec, key);
  checkSource(source, spec, key);
  const inspect = () => runPinned(db, (transaction) => inspectTable(transaction, chunks.schema, chunks.table));
  let facts = await inspect();
  if (facts === undefined) {
    await createChunkTable(db, wish, patience);
    facts = await inspect();
  }
  if (facts === undefined) throw invalidJob(`The table ${shownName(chunks)} does not exist`);
  checkChunkTable(facts, wish);
  return facts;
}

function checkNames({ dstColumn }: JobSpec, key: readonly ColumnFacts[]): void {
  const names = [...key.map(({ name }) => name), CHUNK_NUMBER, CHUNK_TEXT, dstColumn];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw invalidJob(
    `A table of chunks has the columns of the key, chunk_no, chunk and dst_column: two of them would be named ${quoteIdentifier(twice)}`,
    'Name another dst_column, or another key in pk.',
  );
}

function checkSource(source: TableFacts, spec: JobSpec, key: readonly ColumnFacts[]): void {
  const name = shownName(spec);
  const columns = key.map((column) => quoteIdentifier(column.name)).join(', ');
  if (source.kind === 'r' && source.relations.length > 1) {
    throw invalidJob(
      `Tables inherit from ${name}, and a foreign key does not reach their rows: it cannot have a dst_table`,
      'Make it a partitioned table, or leave dst_table out: the vectors then stand beside the texts.',
    );
  }
  const isUnique = source.uniqueKeys.some(
    (unique) => unique.length === key.length && key.every((column) => unique.includes(column.name)),
  );
  if (!isUnique) {
    throw invalidJob(
      `The key (${columns}) of ${name} is not unique, and chunks refer to it`,
      `Add one: ALTER TABLE ${name} ADD PRIMARY KEY (${columns}); or name a unique key in pk.`,
    );
  }
}

/** The statement that makes it, for us and for those who have to do it themselves. */
function createStatement({ spec, chunks, source, key }: ChunkTableWish): string {
  const type = parseColumnType(spec.columnType ?? 'REAL[]', spec.dimensions, source.vectorSchema);
  const columns = key.map(({ name }) => quoteIdentifier(name)).join(', ');
  const lines = [
    ...key.map(
      ({ name, type: keyType, collation }) =>
        `${quoteIdentifier(name)} ${keyType}${collation === null ? '' : ` COLLATE ${collation}`} NOT NULL`,
    ),
    `${CHUNK_NUMBER} integer NOT NULL`,
    `${CHUNK_TEXT} text NOT NULL`,
    `${quoteIdentifier(spec.dstColumn)} ${type.definition}`,
    `PRIMARY KEY (${columns}, ${CHUNK_NUMBER})`,
    `FOREIGN KEY (${columns}) REFERENCES ${shownName(spec)} (${columns}) ON UPDATE CASCADE ON DELETE CASCADE`,
  ];
  const unlogged = source.persistence === 'u' ? 'UNLOGGED ' : '';
  return `CREATE ${unlogged}TABLE ${shownName(chunks)} (${lines.join(', ')})`;
}

/**
 * Creates the table. It belongs to the owner of the texts where the login may give it away, so that they can do with it what they want; else
 * to the login, and the owner of the texts may read it and let others do so.
 */
async function createChunkTable(db: Pool, wish: ChunkTableWish, patience: LockPatience): Promise<void> {
  const { spec, chunks, source } = wish;
  const name = shownName(chunks);
  const statement = createStatement(wish);
  const [root] = source.relations;
  const login = quoteIdentifier(source.login.name);
  if (root === undefined) throw new Error('a table without itself');
  if (!root.canReference) {
    throw invalidJob(
      `${login} may not refer to ${shownName(spec)} from a table of chunks`,
      `GRANT REFERENCES ON ${shownName(spec)} TO ${login};`,
    );
  }
  const { rows } = await db.query<{ may_create: boolean; may_give: boolean }>(
    `select pg_catalog.has_schema_privilege(n.oid, 'CREATE') as may_create,
            o.rolname operator(pg_catalog.<>) current_user and pg_catalog.has_schema_privilege(o.oid, n.oid, 'CREATE')
              and pg_catalog.pg_has_role(o.oid, case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 160000
                then 'SET' else 'MEMBER' end) as may_give
     from pg_catalog.pg_namespace as n
     join pg_catalog.pg_roles as o on o.rolname operator(pg_catalog.=) $2
     where n.nspname operator(pg_catalog.=) $1`,
    [chunks.schema, root.owner],
  );
  const [may] = rows;
  if (may === undefined) throw invalidJob(`The schema ${quoteIdentifier(chunks.schema)} of dst_table does not exist`);
  if (!may.may_create) {
    throw invalidJob(
      `There is no table ${name}, and ${login} may not make one in that schema`,
      `GRANT CREATE ON SCHEMA ${quoteIdentifier(chunks.schema)} TO ${login}; or as the owner of ${shownName(spec)}: ${statement};`,
    );
  }
  await runWithTableLock(db, patience, async (transaction) => {
    await transaction.query(statement);
    await refusePublished(transaction, chunks, statement);
    await transaction.query(
      `comment on table ${name} is 'Chunks of ${shownName(spec).replaceAll("'", "''")} with their vectors, kept by the embedding daemon of Lamplighter.'`,
    );
    if (may.may_give) await transaction.query(`alter table ${name} owner to ${quoteIdentifier(root.owner)}`);
    else if (!root.isOwnerLogin) {
      await transaction.query(`grant select on ${name} to ${quoteIdentifier(root.owner)} with grant option`);
    }
    if (may.may_give && !root.isOwned) {
      // Where the login does not inherit what the owner may.
      await transaction.query(`set local role ${quoteIdentifier(root.owner)}`);
      await transaction.query(`grant select, insert, update, delete on ${name} to ${login}`);
      await transaction.query('reset role');
    }
  });
}

/** A subscriber without the table would stop. */
async function refusePublished(transaction: Queryable, chunks: ChunkSpec, statement: string): Promise<void> {
  const { rows } = await transaction.query<{ name: string }>(
    'select p.pubname::text as name from pg_catalog.pg_publication_tables as p where p.schemaname = $1 and p.tablename = $2',
    [chunks.schema, chunks.table],
  );
  if (rows.length === 0) return;
  throw invalidJob(
    `There is no table ${shownName(chunks)}, and it would be published (${rows.map(({ name }) => quoteIdentifier(name)).join(', ')}): subscribers without it would stop`,
    `Make it on the subscribers first, then here: ${statement};`,
  );
}

/** The refusal of a table that another job has. */
export function takenChunkTable(chunks: ChunkSpec, jobId: string): LamplighterError {
  return invalidJob(
    `${shownName(chunks)} is filled by job ${jobId} already`,
    'Each dst_table has one job: cancel one of them, or name another dst_table.',
  );
}

function checkChunkTable(facts: TableFacts, { spec, chunks, source, key, others }: ChunkTableWish): void {
  const name = shownName(chunks);
  const [root] = facts.relations;
  if (facts.oid === source.oid) throw invalidJob('dst_table is the table of the texts', 'Name another one.');
  if (facts.kind !== 'r' || facts.persistence === 't' || facts.relations.length > 1 || root === undefined) {
    throw invalidJob(
      `${name} is no plain table of its own, and chunks are kept in such ones`,
      'Name another dst_table.',
    );
  }
  checkTrust(root, facts, spec);
  requireRights(root, facts, [
    ...(root.canSelect ? [] : ['SELECT']),
    ...(root.canInsert ? [] : ['INSERT']),
    ...(root.canUpdate ? [] : ['UPDATE']),
    ...(root.canDelete ? [] : ['DELETE']),
  ]);
  const faults = faultsOf(facts, { spec, source, key });
  if (faults.length === 0) return;
  // What does not fit is that job's.
  const taker = others.find(({ chunkTable, state }) => chunkTable?.oid === facts.oid && state !== 'canceled');
  if (taker !== undefined) throw takenChunkTable(chunks, taker.jobId);
  throw invalidJob(
    `${name} is no table for these chunks: ${faults.join('; ')}`,
    `Name another dst_table, or drop this one: the daemon then makes it anew.`,
  );
}

function faultsOf(facts: TableFacts, { spec, source, key }: Pick<ChunkTableWish, 'spec' | 'source' | 'key'>): string[] {
  const faults: string[] = [];
  const wants = [
    ...key.map(({ name, type }) => ({ name, type })),
    { name: CHUNK_NUMBER, type: 'integer' },
    { name: CHUNK_TEXT, type: 'text' },
  ];
  for (const { name, type } of wants) {
    const found = findColumn(facts, name);
    if (found === undefined) faults.push(`it has no column ${quoteIdentifier(name)}`);
    else if (found.type !== type || found.generated !== '') {
      faults.push(
        `its column ${quoteIdentifier(name)} is ${found.generated === '' ? found.type : 'generated'}, not ${type}`,
      );
    }
  }
  if (findColumn(facts, spec.dstColumn) === undefined)
    faults.push(`it has no column ${quoteIdentifier(spec.dstColumn)}`);
  const known = [...wants.map(({ name }) => name), spec.dstColumn];
  for (const { name, isNotNull, hasDefault } of facts.columns) {
    if (!known.includes(name) && isNotNull && !hasDefault) {
      faults.push(`its column ${quoteIdentifier(name)} must not be null, and nothing fills it`);
    }
  }
  const primary = [...key.map(({ name }) => name), CHUNK_NUMBER];
  if (facts.primaryKey?.length !== primary.length || !primary.every((name) => facts.primaryKey?.includes(name))) {
    faults.push(`its primary key is not (${primary.map(quoteIdentifier).join(', ')})`);
  }
  const refers = facts.foreignKeys.some(
    ({ table, pairs, onDelete, onUpdate }) =>
      table === source.oid &&
      onDelete === 'c' &&
      onUpdate === 'c' &&
      pairs.length === key.length &&
      pairs.every(([own, other]) => own === other && key.some(({ name }) => name === own)),
  );
  if (!refers) faults.push('it has no foreign key to the texts with ON UPDATE CASCADE ON DELETE CASCADE');
  return faults;
}
