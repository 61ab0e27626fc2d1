import { loadQuery } from '../../db/load-sql.ts';
import type { Pool } from '../../db/pool.ts';
import { runPinned } from '../pinned-transaction.ts';
import { findColumn } from '../table/check-table.ts';
import { type ColumnFacts, inspectTable, type TableFacts } from '../table/inspect-table.ts';
import { quoteIdentifier } from '../table/quote-identifier.ts';

const LIST_VECTOR_INDEXES = loadQuery('list_vector_indexes');
const MOST_NAME_BYTES = 63;
/** Most numbers of a vector in an HNSW index of pgvector. */
const MOST_DIMENSIONS: Readonly<Record<string, number>> = { vector: 2_000, halfvec: 4_000 };

/** Vectors to be indexed, in whichever table they stand. */
export interface IndexedColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** A statement of the work; `attach` needs the table to itself for a moment, the others let users write. */
export interface IndexStep {
  readonly kind: 'drop' | 'create' | 'attach';
  readonly statement: string;
}

/** How the index on a column is, and what is to be done for it. */
export type IndexFinding =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'built'; readonly name: string }
  | {
      readonly kind: 'building';
      readonly name: string;
      readonly pid: number;
      /** The part that is done, from 0 to 1. */
      readonly part: number;
      readonly phase: string;
      /** Processes whose transactions it waits for. */
      readonly blockedBy: readonly number[];
    }
  | { readonly kind: 'due'; readonly name: string; readonly steps: readonly IndexStep[] };

interface VectorIndex {
  readonly name: string;
  readonly isValid: boolean;
  readonly operators: string;
  readonly pid: number | null;
  readonly phase: string | null;
  readonly part: number | null;
  readonly blockedBy: readonly number[];
}

interface TableIndexes {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** `pg_class.relkind`. */
  readonly kind: string;
  readonly indexes: readonly VectorIndex[];
}

/**
 * Whether a column of vectors has an HNSW index for cosine distance, and what is missing. A suitable index of the user counts. An invalid
 * index under our name was left by an earlier try and is dropped first: every write would update it, and no query would use it.
 *
 * @throws the server's errors.
 */
export async function findIndexWork(db: Pool, wanted: IndexedColumn): Promise<IndexFinding> {
  const facts = await runPinned(db, (transaction) => inspectTable(transaction, wanted.schema, wanted.table));
  const place = `${quoteIdentifier(wanted.schema)}.${quoteIdentifier(wanted.table)}`;
  const column = facts === undefined ? undefined : findColumn(facts, wanted.column);
  if (facts === undefined || column === undefined) {
    return { kind: 'refused', reason: `${place} has no column ${quoteIdentifier(wanted.column)}` };
  }
  const reason = refusalOf(facts, column, place);
  if (reason !== undefined) return { kind: 'refused', reason };
  const { rows } = await db.query<TableIndexes>(LIST_VECTOR_INDEXES, [
    facts.relations.map(({ oid }) => oid),
    wanted.column,
  ]);
  return judge(rows, {
    root: facts.oid,
    column: wanted.column,
    operators: `${column.baseName}_cosine_ops`,
    operatorsSchema: column.baseSchema,
  });
}

function refusalOf(
  { relations, login, vectorSchema }: TableFacts,
  column: ColumnFacts,
  place: string,
): string | undefined {
  const name = quoteIdentifier(column.name);
  if (vectorSchema === undefined) {
    return `An index on vectors needs pgvector, which is not installed in this database, and a column of its type. CREATE EXTENSION vector; then name another dst_column of type vector(n)`;
  }
  const most = column.baseSchema === vectorSchema ? MOST_DIMENSIONS[column.baseName] : undefined;
  if (most === undefined) {
    return `An index on vectors needs a column of type vector(n) or halfvec(n), and ${name} is ${column.type}. Name another dst_column`;
  }
  if (column.modifier === -1) {
    return `An index needs to know how long the vectors of ${name} are. ALTER TABLE ${place} ALTER COLUMN ${name} TYPE ${column.type}(n);`;
  }
  if (column.modifier > most) {
    const larger =
      column.baseName === 'vector' ? ', and of 4000 numbers as halfvec. Name another dst_column of that type' : '';
    return `HNSW indexes take vectors of ${most} numbers as ${column.baseName}, and those of ${name} have ${column.modifier}${larger}`;
  }
  const foreign = relations.filter(({ isOwned }) => !isOwned);
  const [first] = foreign;
  if (first === undefined) return undefined;
  const owners = [...new Set(foreign.map(({ owner }) => quoteIdentifier(owner)))].join(', ');
  return `Only the owner of ${first.name} may build an index on it, and ${quoteIdentifier(login.name)} is not. GRANT ${owners} TO ${quoteIdentifier(login.name)};`;
}

interface Judgement {
  /** The oid of the table itself. */
  readonly root: string;
  readonly column: string;
  readonly operators: string;
  readonly operatorsSchema: string;
}

function judge(tables: readonly TableIndexes[], wanted: Judgement): IndexFinding {
  const root = tables.find(({ oid }) => oid === wanted.root);
  if (root === undefined) return { kind: 'refused', reason: 'The table is gone' };
  const serving = (table: TableIndexes) => table.indexes.filter(({ operators }) => operators === wanted.operators);
  const definition = `USING hnsw (${quoteIdentifier(wanted.column)} ${quoteIdentifier(wanted.operatorsSchema)}.${quoteIdentifier(wanted.operators)})`;
  const name = indexName(root.name, wanted.column);
  const steps: IndexStep[] = [];
  for (const table of tables.filter(({ kind }) => kind === 'r')) {
    const indexes = serving(table);
    const running = indexes.find(({ pid }) => pid !== null);
    if (running !== undefined) {
      const { pid, part, phase, blockedBy } = running;
      return { kind: 'building', name: running.name, pid: pid ?? 0, part: part ?? 0, phase: phase ?? '', blockedBy };
    }
    if (indexes.some(({ isValid }) => isValid)) continue;
    const own = indexName(table.name, wanted.column);
    const place = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
    if (indexes.some((index) => index.name === own)) {
      steps.push({
        kind: 'drop',
        statement: `DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdentifier(table.schema)}.${quoteIdentifier(own)}`,
      });
    }
    steps.push({
      kind: 'create',
      statement: `CREATE INDEX CONCURRENTLY ${quoteIdentifier(own)} ON ${place} ${definition}`,
    });
  }
  if (root.kind === 'p') {
    const indexes = serving(root);
    const valid = indexes.find(({ isValid }) => isValid);
    if (valid !== undefined && steps.length === 0) return { kind: 'built', name: valid.name };
    const [invalid] = indexes;
    if (invalid !== undefined && valid === undefined) {
      const index = `${quoteIdentifier(root.schema)}.${quoteIdentifier(invalid.name)}`;
      return {
        kind: 'refused',
        reason: `The index ${index} is there and invalid, with those of partitions attached to it. DROP INDEX ${index};`,
      };
    }
    // It takes the indexes of the partitions for its own where they are alike, whatever the depth, and builds nothing.
    const place = `${quoteIdentifier(root.schema)}.${quoteIdentifier(root.name)}`;
    if (valid === undefined)
      steps.push({ kind: 'attach', statement: `CREATE INDEX ${quoteIdentifier(name)} ON ${place} ${definition}` });
  }
  if (steps.length > 0) return { kind: 'due', name, steps };
  return { kind: 'built', name: serving(root).find(({ isValid }) => isValid)?.name ?? name };
}

/** `<table>_<column>_hnsw` in at most 63 bytes, as PostgreSQL shortens names of its own. */
export function indexName(table: string, column: string): string {
  const bytes = (text: string) => Buffer.byteLength(text);
  let [first, second] = [[...table], [...column]];
  const join = () => `${first.join('')}_${second.join('')}_hnsw`;
  while (bytes(join()) > MOST_NAME_BYTES) {
    if (bytes(first.join('')) >= bytes(second.join(''))) first = first.slice(0, -1);
    else second = second.slice(0, -1);
  }
  return join();
}
