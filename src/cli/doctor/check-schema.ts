import { isLamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { compareLedger, UNINSTALL_ADVICE } from '../../db/migrate/ledger.ts';
import { programSchemaVersion } from '../../db/migrate/migration-file.ts';
import { recordText } from '../../db/migrate/migration-plan.ts';
import { compareRoutines } from '../../db/migrate/routine-steps.ts';
import { compareObjects } from '../../db/migrate/schema-objects.ts';
import { requireSchema, type SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import { type Finding, listNames, type SchemaReading, type ServerCheck } from './check.ts';

/** Reads which schema is there, and whether this program can work with it. */
export async function readSchema(session: Session): Promise<SchemaReading> {
  try {
    const state = await requireSchema(session);
    return { state, finding: { state: 'ok', message: `version ${state.version}, owned by ${state.owner}` } };
  } catch (error) {
    if (!isLamplighterError(error)) throw error;
    // Callers may not read the ledger.
    if (error.code === 'PERMISSION_DENIED') {
      const message = "installed; its version is not checked: needs its owner, or a worker's rights";
      return { state: undefined, finding: { state: 'unknown', message } };
    }
    return { state: undefined, finding: { state: 'broken', message: error.message, advice: error.hint } };
  }
}

/** The schema's version. */
export const schemaCheck: ServerCheck = {
  name: 'schema',
  looksAt: 'whether the schema is installed, in a version that this program works with',
  needs: 'server',
  run: ({ schema }) => [schema.finding],
};

/** What `compare` finds where the schema is of this program's version: nothing can be said of one that another version brought. */
export async function ofOwnVersion(
  { state }: SchemaReading,
  compare: (state: SchemaState) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const version = programSchemaVersion();
  if (state === undefined) return [{ state: 'unknown', message: 'not checked: needs the version of the schema' }];
  if (state.version === version) return compare(state);
  const message = `not checked: the schema has version ${state.version}, and this program brings ${version}`;
  return [{ state: 'unknown', message, advice: 'As the owner, with the newer program: lamplighter migrate' }];
}

/** Whether the functions are those of this program. */
export const functionsCheck: ServerCheck = {
  name: 'functions',
  looksAt: 'functions of the schema that were dropped or altered, against those of this program',
  needs: 'schema',
  rights: "the owner of the schema, or a worker's rights",
  run: ({ session, schema }) =>
    ofOwnVersion(schema, async () => {
      const { changed, missing, surplus } = await compareRoutines(session);
      const names = [...new Set([...missing, ...changed.map(({ schema: of, name }) => `${of}.${name}`), ...surplus])];
      if (names.length === 0) return [{ state: 'ok', message: 'as this program ships them' }];
      const message = `dropped, or not those of this program: ${listNames(names)}`;
      return [{ state: 'broken', message, advice: 'As the owner: lamplighter migrate' }];
    }),
};

/** Whether the ledger of migrations has what this program has. */
export const ledgerCheck: ServerCheck = {
  name: 'ledger',
  looksAt: 'the ledger of migrations, against the files of this program',
  needs: 'schema',
  run: ({ session, schema }) =>
    ofOwnVersion(schema, async (state) => {
      const { edited, unrecorded } = compareLedger(state);
      if (edited.length + unrecorded.length === 0) return [{ state: 'ok', message: 'as this program ships it' }];
      const { missing, changed } = await compareObjects(session);
      if (missing.length + changed.length > 0) {
        const names = listNames([...edited, ...unrecorded].map(({ name }) => name));
        const message = `lamplighter.migration does not have these as this program has them, so that nothing can be migrated: ${names}`;
        return [{ state: 'broken', message, advice: UNINSTALL_ADVICE }];
      }
      const adviceOf = (statement: string) => `As the owner: ${statement}`;
      return [
        ...edited.map((file): Finding => {
          const statement = `UPDATE lamplighter.migration SET checksum = '${file.checksum}' WHERE number = ${file.number}`;
          const message = `lamplighter.migration has another checksum for ${file.name} than this program, so that nothing can be migrated`;
          return { state: 'broken', message, advice: adviceOf(statement) };
        }),
        ...unrecorded.map((file): Finding => {
          const message = `lamplighter.migration does not have ${file.name}, so that nothing can be migrated`;
          return { state: 'broken', message, advice: adviceOf(recordText(file)) };
        }),
      ];
    }),
};

/** Whether the sequence of ids is behind them, as after logical replication. */
export const idsCheck: ServerCheck = {
  name: 'ids',
  looksAt: 'whether the sequence of ids is behind the highest id',
  needs: 'schema',
  async run({ session }) {
    const { rows } = await session.query<{ id: string }>(loadQuery('read_id_gap'));
    return rows.map(({ id }) => ({
      state: 'broken',
      message: `the sequence of ids is behind the highest id, ${id}, so that requests cannot be queued`,
      advice: 'As the owner: lamplighter migrate',
    }));
  },
};

/** A copy waits for good where `migrate` has made rows that the other database has, too. */
export const replicationCheck: ServerCheck = {
  name: 'replication',
  looksAt: 'tables of the schema that a subscription has not copied',
  needs: 'schema',
  async run({ session }) {
    const { rows } = await session.query<{ name: string }>(loadQuery('list_unfinished_copies'));
    if (rows.length === 0) return [];
    return [
      {
        state: 'warning',
        message: `these have not been copied yet: ${rows.map(({ name }) => name).join(', ')}`,
        advice:
          'If that lasts, publish public.steadytext_queue alone, as migrate has filled the others, and refresh the subscription',
      },
    ];
  },
};
