import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { compareObjects, statementFor } from '../../db/migrate/schema-objects.ts';
import { type Finding, listNames, type ServerCheck } from './check.ts';
import { ofOwnVersion } from './check-schema.ts';

interface InvalidRow {
  readonly name: string;
  readonly table_name: string;
  readonly bare_name: string;
  readonly is_own: boolean;
}

/** Indexes that are gone, or that nothing uses. */
export const indexesCheck: ServerCheck = {
  name: 'indexes',
  looksAt: 'indexes of the schema that were dropped, and those of the database that are invalid',
  needs: 'schema',
  async run({ session, schema }) {
    const invalid = (await session.query<InvalidRow>(loadQuery('list_invalid_indexes'))).rows;
    const isInvalid = new Set(invalid.map(({ bare_name: bare, table_name: table }) => `index ${bare} on ${table}`));
    const own = await ofOwnVersion(schema, async () => {
      const { missing } = await compareObjects(session);
      const gone = missing.filter((words) => words.startsWith('index ') && !isInvalid.has(words));
      return [
        ...(gone.length === 0 ? [] : [goneFinding(gone)]),
        ...(gone.length + invalid.length === 0
          ? [{ state: 'ok', message: 'as this program ships them, and none is invalid' } as const]
          : []),
      ];
    });
    return [...own, ...invalid.map(invalidFinding)];
  },
};

function goneFinding(gone: readonly string[]): Finding {
  const statements = gone.flatMap((words) => statementFor(words) ?? []);
  return {
    state: 'broken',
    message: `dropped, so that what needs them reads whole tables: ${listNames(gone)}`,
    advice: `As the owner: ${statements.join('; ')}`,
  };
}

function invalidFinding({ name, table_name: table, is_own: isOwn }: InvalidRow): Finding {
  const message = toPrintable(
    `${name} on ${table} is invalid: nothing reads by it, and every write keeps it up to date`,
  );
  return isOwn
    ? { state: 'broken', message, advice: toPrintable(`As the owner: REINDEX INDEX CONCURRENTLY ${name}`) }
    : {
        state: 'warning',
        message: `${message}; a CREATE INDEX CONCURRENTLY failed or was cancelled`,
        advice: toPrintable(
          `As the table's owner: DROP INDEX CONCURRENTLY ${name}; then build it once more, if it is still wanted`,
        ),
      };
}
