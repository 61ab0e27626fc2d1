import type { JobSpec } from '../job-spec.ts';
import type { SourceKind } from './embedded-table.ts';
import type { ColumnFacts, RelationFacts, TableFacts } from './inspect-table.ts';
import { invalidJob } from './invalid-job.ts';
import { parseKeyColumns } from './key-columns.ts';
import { quoteIdentifier } from './quote-identifier.ts';

const SYSTEM_SCHEMAS = /^(?:pg_.*|information_schema|lamplighter|lantern)$/;

/** Types whose cast to text is their own and the same in all sessions. */
const PLAIN_KEYS = ['int2', 'int4', 'int8', 'numeric', 'uuid', 'text', 'varchar', 'bpchar', 'name', 'bool', 'oid'];
const PLAIN_TEXTS = ['text', 'varchar', 'bpchar', 'name', 'json', 'jsonb', 'xml'];

/** Refuses schemas that are not the user's. */
export function checkSchema({ schema, table }: Pick<JobSpec, 'schema' | 'table'>): void {
  const isOurs = schema === 'public' && table.startsWith('steadytext_queue');
  if (SYSTEM_SCHEMAS.test(schema) || isOurs) {
    throw invalidJob(
      `${shownName({ schema, table })} cannot be served: tables of the system, of a session and of Lamplighter are not`,
    );
  }
}

export function shownName({ schema, table }: Pick<JobSpec, 'schema' | 'table'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/**
 * Checks that a table can be served, and may be: the login's UPDATE runs triggers of the table's owner with the login's rights.
 *
 * @throws LamplighterError JOB_INVALID.
 */
export function checkTable(facts: TableFacts, spec: JobSpec): void {
  const name = shownName(spec);
  if (facts.kind === 'v' || facts.kind === 'm') {
    throw invalidJob(`${name} is a view, and a view fires no triggers`, 'Name the table behind it.');
  }
  if (facts.persistence === 't') throw invalidJob(`${name} is a temporary table, which only its own session sees`);
  for (const relation of facts.relations) {
    checkTrust(relation, facts, spec);
    // A partitioned table below the root holds no rows, and its triggers are the root's.
    if (!relation.isRoot && relation.kind !== 'r') continue;
    requireRights(relation, facts, [
      ...(relation.canSelect ? [] : ['SELECT']),
      ...(relation.canUpdate ? [] : ['UPDATE']),
      ...(relation.canTrigger || (!relation.isRoot && facts.kind === 'p') ? [] : ['TRIGGER']),
    ]);
  }
}

/**
 * Checks that what belongs to a table may run with the login's rights, and that the login sees all of its rows.
 *
 * @throws LamplighterError JOB_INVALID.
 */
export function checkTrust(relation: RelationFacts, { login }: TableFacts, spec: Pick<JobSpec, 'trustedOwners'>): void {
  const { name, owner } = relation;
  if (relation.kind === 'f') {
    throw invalidJob(
      `${name} is a foreign table, whose changes are made elsewhere`,
      'Run the job in the database that holds it.',
    );
  }
  const isPowerful = login.isSuperuser || login.bypassesPolicies || login.replicates;
  const isTrusted =
    spec.trustedOwners.includes(owner) ||
    relation.isOwnerLogin ||
    (!isPowerful && (relation.isOwnerMemberOfLogin || relation.isOwnerSuperuser));
  if (!isTrusted) {
    throw invalidJob(
      `${name} belongs to ${quoteIdentifier(owner)}, whose triggers would run with the rights of ${quoteIdentifier(login.name)}`,
      `Start the daemon with --trust-owner ${owner}, or let it log in as a role without special rights that ${owner} is a member of.`,
    );
  }
  const makers = relation.triggerMakers
    .filter((maker) => !spec.trustedOwners.includes(maker.name) && (isPowerful || !maker.isMemberOfLogin))
    .map((maker) => (maker.name === 'PUBLIC' ? 'PUBLIC' : quoteIdentifier(maker.name)));
  if (makers.length > 0) {
    throw invalidJob(
      `${makers.join(', ')} may create triggers on ${name}, which would run with the rights of ${quoteIdentifier(login.name)}`,
      `REVOKE TRIGGER ON ${name} FROM ${makers.join(', ')}; or start the daemon with --trust-owner for each.`,
    );
  }
  if (relation.hidesRows) {
    throw invalidJob(
      `Policies of ${name} hide rows from ${quoteIdentifier(login.name)}`,
      'Let the daemon log in as the owner of the table (without FORCE ROW LEVEL SECURITY) or a role with BYPASSRLS.',
    );
  }
}

/** @throws LamplighterError JOB_INVALID when the login lacks any of these rights. */
export function requireRights({ name }: RelationFacts, { login }: TableFacts, lacking: readonly string[]): void {
  if (lacking.length === 0) return;
  throw invalidJob(
    `${quoteIdentifier(login.name)} may not ${lacking.join(', ')} on ${name}`,
    `GRANT ${lacking.join(', ')} ON ${name} TO ${quoteIdentifier(login.name)};`,
  );
}

/** The column of that name. */
export function findColumn(facts: TableFacts, name: string): ColumnFacts | undefined {
  return facts.columns.find((column) => column.name === name);
}

/** The column the texts or images are in, checked. */
export function requireSource(facts: TableFacts, spec: JobSpec): ColumnFacts {
  const column = findColumn(facts, spec.srcColumn);
  const place = `${shownName(spec)} has`;
  if (column === undefined)
    throw invalidJob(`${place} no column ${quoteIdentifier(spec.srcColumn)}`, listColumns(facts));
  if (column.generated === 'v') {
    throw invalidJob(
      `Column ${quoteIdentifier(column.name)} is a virtual generated one, which triggers do not see`,
      'Make it STORED.',
    );
  }
  const name = quoteIdentifier(column.name);
  if (spec.images === undefined && isBytes(column)) {
    throw invalidJob(
      `Column ${name} is of type ${column.type}, and the model ${spec.model} takes texts`,
      'For images name an image model, such as clip/ViT-B-32-visual.',
    );
  }
  if (spec.images !== undefined) {
    if (isBytes(column)) return column;
    if (spec.chunks === undefined && isText(column)) {
      if (spec.images.areUrlsAllowed) return column;
      throw invalidJob(
        `Column ${name} is of type ${column.type}, and the model ${spec.model} takes images: a column of bytea, or URLs, which are not fetched`,
        'Start the daemon with --allow-url-images if the column holds https URLs of images.',
      );
    }
    throw invalidJob(
      `Column ${name} is of type ${column.type}, and the model ${spec.model} takes images`,
      'Name a column of type bytea, or of URLs, or a model of texts, such as clip/ViT-B-32-textual.',
    );
  }
  if (!isText(column)) {
    throw invalidJob(
      `Column ${quoteIdentifier(column.name)} is of type ${column.type}, which is no text`,
      'Name a column of a text type, json, jsonb or xml, or add a generated one: GENERATED ALWAYS AS (..) STORED.',
    );
  }
  return column;
}

/** The column that tells which rows are embedded, checked; undefined where the job names none. */
export function requireFilter(facts: TableFacts, { filterColumn, schema, table }: JobSpec): ColumnFacts | undefined {
  if (filterColumn === undefined) return undefined;
  const column = findColumn(facts, filterColumn);
  if (column === undefined) {
    throw invalidJob(
      `${shownName({ schema, table })} has no column ${quoteIdentifier(filterColumn)} for filter_column`,
      listColumns(facts),
    );
  }
  if (column.generated === 'v') {
    throw invalidJob(
      `Column ${quoteIdentifier(column.name)} is a virtual generated one, which triggers do not see`,
      'Make it STORED.',
    );
  }
  if (column.baseSchema !== 'pg_catalog' || column.baseName !== 'bool') {
    throw invalidJob(
      `The filter column ${quoteIdentifier(column.name)} is of type ${column.type}, and has to be boolean`,
      'Name a boolean column, or add a generated one: boolean GENERATED ALWAYS AS (..) STORED.',
    );
  }
  return column;
}

function isText(column: ColumnFacts): boolean {
  const { category, baseKind } = column;
  return category === 'S' || baseKind === 'e' || isPlainText(column);
}

function isBytes({ baseSchema, baseName }: ColumnFacts): boolean {
  return baseSchema === 'pg_catalog' && baseName === 'bytea';
}

/** How the text of a row is got from the column. */
export function sourceKindOf(column: ColumnFacts): SourceKind {
  if (isBytes(column)) return 'bytes';
  return isPlainText(column) ? 'plain' : 'other';
}

/** True when a cast of the column to text is the type's own. */
function isPlainText(column: ColumnFacts): boolean {
  return column.baseSchema === 'pg_catalog' && PLAIN_TEXTS.includes(column.baseName);
}

export function isPlainKey(column: ColumnFacts): boolean {
  return column.baseSchema === 'pg_catalog' && PLAIN_KEYS.includes(column.baseName);
}

/** The columns that tell rows apart: those that the job names, the primary key, or `id`. */
export function requireKey(facts: TableFacts, spec: JobSpec): ColumnFacts[] {
  const pk = spec.pk?.trim() ?? '';
  const isNamed = pk !== '';
  const names = isNamed ? parseKeyColumns(pk) : (facts.primaryKey ?? ['id']);
  if (names === undefined) {
    throw invalidJob(
      `The key "${pk}" is no list of column names`,
      'Separate columns by commas, e.g. id or tenant, "Id".',
    );
  }
  // A job row made by its default speaks of id, whatever the key is.
  const isDefault = names.length === 1 && names[0] === 'id' && findColumn(facts, 'id') === undefined;
  const wanted = isDefault ? (facts.primaryKey ?? names) : names;
  const columns = wanted.map((name) => {
    const column = findColumn(facts, name) ?? findColumn(facts, name.toLowerCase());
    if (column !== undefined && column.generated !== 'v') return column;
    throw invalidJob(
      column === undefined
        ? `${shownName(spec)} has no column ${quoteIdentifier(name)} for a key`
        : `Column ${quoteIdentifier(name)} is a virtual generated one, which cannot be the key`,
      'Name the columns of the key in the column pk of the job.',
    );
  });
  if (new Set(columns).size !== columns.length) throw invalidJob(`The key "${pk}" names a column twice`);
  if (columns.some(({ name }) => name === spec.dstColumn)) throw invalidJob('The destination is a column of the key');
  return columns;
}

function listColumns({ columns }: TableFacts): string {
  return `It has ${columns.map(({ name }) => quoteIdentifier(name)).join(', ')}.`;
}

/** Sentences about what works, but slowly, or not as one may think. */
export function warningsOf(facts: TableFacts, key: readonly ColumnFacts[]): string[] {
  const hasIndex = facts.indexes.some(
    ({ first, method }) => method === 'btree' && key.some(({ name }) => name === first),
  );
  if (hasIndex && key.every(({ equality }) => equality !== null)) return [];
  return [
    `No index begins with a column of the key (${key.map(({ name }) => quoteIdentifier(name)).join(', ')}): each look for changed rows reads the whole table.`,
  ];
}
