import { loadQuery, loadSchemaDump } from '../load-sql.ts';
import type { Queryable } from '../query.ts';

/** Something of the schema that is no function: a table, a column of it, a constraint, an index, a trigger, a policy, a view, a sequence, a domain. */
export interface SchemaObject {
  /** Kind and name, as in `index tasks_pkey`. */
  readonly object: string;
  /** The table that it belongs to; undefined for relations. */
  readonly partOf: string | undefined;
  /** Type of a column and whether it may be null; '' for everything else, which is compared by its name alone. */
  readonly definition: string;
}

/** What a database lacks of the schema that this program ships; what it has besides is its own business. */
export interface ObjectChanges {
  /** What is missing, in words such as `index tasks_pkey on lantern.tasks`; of a table that is missing the table alone. */
  readonly missing: readonly string[];
  /** Columns of another type, or that may be null and must not. */
  readonly changed: readonly string[];
}

/** Compares tables and what belongs to them with those of this program. Any role may: it reads PostgreSQL's catalogs only. */
export async function compareObjects(db: Queryable): Promise<ObjectChanges> {
  const { rows } = await db.query<{ object: string; part_of: string | null; definition: string }>(
    loadQuery('list_schema_objects'),
  );
  const found = new Map(rows.map((row) => [keyOf({ object: row.object, partOf: row.part_of ?? undefined }), row]));
  const shipped = parseSchemaDump(loadSchemaDump());
  const isMissing = (object: SchemaObject) => !found.has(keyOf(object));
  const gone = new Set(shipped.filter(isMissing).map(({ object }) => object));
  const isTold = ({ partOf }: SchemaObject) => partOf === undefined || !gone.has(`table ${partOf}`);
  return {
    missing: shipped.filter((object) => isMissing(object) && isTold(object)).map(wordsOf),
    changed: shipped
      .filter((object) => !isMissing(object) && found.get(keyOf(object))?.definition !== object.definition)
      .map(wordsOf),
  };
}

const keyOf = ({ object, partOf = '' }: Pick<SchemaObject, 'object' | 'partOf'>) => `${object} of ${partOf}`;

function wordsOf({ object, partOf }: SchemaObject): string {
  return partOf === undefined || object.startsWith('column ') ? object : `${object} on ${partOf}`;
}

/** The statement that makes an index or a trigger of ours, by its name in {@link compareObjects}, without a semicolon; undefined for all else. */
export function statementFor(words: string): string | undefined {
  const patterns = [
    /^CREATE (?:UNIQUE )?INDEX (\S+) ON (\S+) [^;]*/gm,
    /^CREATE (?:CONSTRAINT )?TRIGGER (\S+) .*? ON (\S+) [^;]*/gm,
  ];
  const kind = words.startsWith('trigger ') ? 1 : 0;
  return [...loadSchemaDump().matchAll(patterns[kind] ?? /$^/g)].find(
    ([, name, table]) => words === `${['index', 'trigger'][kind]} ${name} on ${table}`,
  )?.[0];
}

/** The objects that `sql/schema.sql` makes; functions are compared by their own ledger. */
function parseSchemaDump(dump: string): readonly SchemaObject[] {
  // Functions come as PostgreSQL prints them; their bodies hold statements as well.
  const text = dump.replaceAll(/^CREATE OR REPLACE (FUNCTION|PROCEDURE) [\s\S]*?^AS \$(\w+)\$[\s\S]*?\$\2\$;$/gm, '');
  const all = (pattern: RegExp, object: (match: readonly string[]) => SchemaObject) =>
    [...text.matchAll(pattern)].map((match) => object(match));
  const part = (kind: string, name = '', partOf = ''): SchemaObject => ({
    object: `${kind} ${name}`.trimEnd(),
    partOf,
    definition: '',
  });
  return [
    ...all(/^create (view|sequence|domain) ([^\s;]+)/gm, ([, kind, name]) => ({
      ...part(kind ?? '', name),
      partOf: undefined,
    })),
    ...[...text.matchAll(/^create table (\S+) \(\n([\s\S]*?)\n\)/gm)].flatMap(([, table = '', lines = '']) => [
      { ...part('table', table), partOf: undefined },
      // A default may take several lines.
      ...lines.split(/,\n(?= {2}\S)/).map((line) => parseTableLine(table, line)),
    ]),
    ...all(/^CREATE (?:UNIQUE )?INDEX (\S+) ON (\S+) /gm, ([, name, table]) => part('index', name, table)),
    ...all(/^CREATE (?:CONSTRAINT )?TRIGGER (\S+) .*? ON (\S+) /gm, ([, name, table]) => part('trigger', name, table)),
    ...all(/^create policy (\S+) on (\S+) /gm, ([, name, table]) => part('policy', name, table)),
    ...all(/^alter table (\S+) enable row level security;/gm, ([, table]) => part('row level security', '', table)),
  ];
}

function parseTableLine(table: string, line: string): SchemaObject {
  const text = line.trim();
  const [, constraint] = /^constraint (\S+) /.exec(text) ?? [];
  if (constraint !== undefined) return { object: `constraint ${constraint}`, partOf: table, definition: '' };
  const [, name = '', type = ''] = /^(\S+) (.*?)(?: (?:collate|generated|default|not null)\b.*)?$/s.exec(text) ?? [];
  const definition = `${type}${text.endsWith(' not null') ? ' not null' : ''}`;
  return { object: `column ${table}.${name}`, partOf: table, definition };
}
