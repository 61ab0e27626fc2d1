import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { quoteIdentifier } from './quote-identifier.ts';

const READ_EMBEDDED_TABLE = loadQuery('read_embedded_table');

/** A column, and what its type comes down to below all domains. */
export interface ColumnFacts {
  readonly name: string;
  readonly number: number;
  /** The type as PostgreSQL spells it. */
  readonly type: string;
  readonly modifier: number;
  readonly baseSchema: string;
  readonly baseName: string;
  /** `pg_type.typtype`: b base, c composite, e enum, p pseudo, r range, m multirange. */
  readonly baseKind: string;
  readonly category: string;
  /** Empty, `s` stored or `v` virtual. */
  readonly generated: string;
  readonly canUpdate: boolean;
  readonly equality: string | null;
  readonly isNotNull: boolean;
  readonly hasDefault: boolean;
  /** Qualified and quoted; null for that of its type. */
  readonly collation: string | null;
}

/** The table itself, or one that inherits from it. */
export interface RelationFacts {
  readonly oid: string;
  /** Qualified and quoted. */
  readonly name: string;
  /** `pg_class.relkind`: r table, p partitioned, f foreign. */
  readonly kind: string;
  readonly isRoot: boolean;
  readonly owner: string;
  readonly isOwnerSuperuser: boolean;
  readonly isOwnerMemberOfLogin: boolean;
  readonly isOwnerLogin: boolean;
  readonly isOwned: boolean;
  /** Policies would hide rows from the login. */
  readonly hidesRows: boolean;
  readonly canSelect: boolean;
  readonly canInsert: boolean;
  readonly canUpdate: boolean;
  readonly canDelete: boolean;
  readonly canReference: boolean;
  readonly canTrigger: boolean;
  /** Others than its owner, the login and superusers who may create triggers on it. */
  readonly triggerMakers: readonly { readonly name: string; readonly isMemberOfLogin: boolean }[];
  readonly isSubscribed: boolean;
}

/** A foreign key of a table, which rows of `table` answer. */
export interface ForeignKeyFacts {
  /** Its oid. */
  readonly table: string;
  /** Own column and the other's. */
  readonly pairs: readonly (readonly [string, string])[];
  /** `pg_constraint.confdeltype`: c cascade. */
  readonly onDelete: string;
  readonly onUpdate: string;
}

export interface TableFacts {
  readonly oid: string;
  readonly kind: string;
  /** `pg_class.relpersistence`: p permanent, u unlogged, t temporary. */
  readonly persistence: string;
  /** The root first. */
  readonly relations: readonly RelationFacts[];
  readonly columns: readonly ColumnFacts[];
  readonly primaryKey: readonly string[] | undefined;
  /** The columns of each unique index that a foreign key can rest on. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
  readonly indexes: readonly { readonly name: string; readonly first: string; readonly method: string }[];
  /** Publications that publish it, or a part of it, with whatever columns it has. */
  readonly publications: readonly string[];
  readonly login: {
    readonly name: string;
    readonly isSuperuser: boolean;
    readonly bypassesPolicies: boolean;
    readonly replicates: boolean;
  };
  /** Where pgvector's types are. */
  readonly vectorSchema: string | undefined;
  /** The oid of pgvector's type `vector`, where the login may use it. */
  readonly vectorOid: number | undefined;
  /** Of `lamplighter.embedding_vector`. */
  readonly numbersOid: number;
}

/** What the catalog knows of the relation; undefined when there is none of that name. */
export async function inspectTable(db: Queryable, schema: string, table: string): Promise<TableFacts | undefined> {
  const { rows } = await db.query<{
    oid: string;
    kind: string;
    persistence: string;
    relations: (Omit<RelationFacts, 'name'> & { schema: string; table: string })[];
    columns: ColumnFacts[] | null;
    primary_key: string[] | null;
    unique_keys: string[][];
    foreign_keys: ForeignKeyFacts[];
    indexes: { name: string; first: string; method: string }[];
    publications: string[] | null;
    login: TableFacts['login'];
    vector_schema: string | null;
    vector_oid: string | null;
    numbers_oid: string;
  }>(READ_EMBEDDED_TABLE, [schema, table]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    oid: row.oid,
    kind: row.kind,
    persistence: row.persistence,
    relations: row.relations.map(({ schema: inSchema, table: named, ...relation }) => ({
      ...relation,
      name: `${quoteIdentifier(inSchema)}.${quoteIdentifier(named)}`,
    })),
    columns: row.columns ?? [],
    primaryKey: row.primary_key ?? undefined,
    uniqueKeys: row.unique_keys,
    foreignKeys: row.foreign_keys,
    indexes: row.indexes,
    publications: row.publications ?? [],
    login: row.login,
    vectorSchema: row.vector_schema ?? undefined,
    vectorOid: row.vector_oid === null ? undefined : Number(row.vector_oid),
    numbersOid: Number(row.numbers_oid),
  };
}
