import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { isSqlState } from '../sqlstate.ts';
import { programSchemaVersion } from './migration-file.ts';

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly schemaVersion: number;
  readonly checksum: string;
}

export interface SchemaState {
  /** False also when a schema `lamplighter` exists that is not ours. */
  readonly isInstalled: boolean;
  /** The owner of the schema; undefined when there is none. */
  readonly owner: string | undefined;
  readonly role: string;
  readonly isSuperuser: boolean;
  /** The server's version as `server_version_num`, e.g. 180004. */
  readonly serverVersion: number;
  readonly applied: readonly AppliedMigration[];
  /** Highest version in the ledger; 0 when not installed. */
  readonly version: number;
}

interface StateRow {
  has_ledger: boolean;
  owner: string | null;
  role: string;
  server_version: number;
  server_description: string;
  is_superuser: boolean;
}

interface LedgerRow {
  number: number;
  name: string;
  schema_version: number;
  checksum: string;
}

const OLDEST_SERVER = 140_000;

/**
 * Reads the ledger.
 *
 * @throws LamplighterError SERVER_UNSUPPORTED for PostgreSQL before 14, CockroachDB and YugabyteDB; PERMISSION_DENIED when the role may
 * not read the ledger.
 */
export async function readSchemaState(db: Queryable): Promise<SchemaState> {
  const [row] = (await db.query<StateRow>(loadQuery('read_schema_state'))).rows;
  if (row === undefined) throw new Error('read_schema_state returned no row');
  refuseOtherServers(row);
  const applied = row.has_ledger ? await readLedger(db, row.role) : [];
  return {
    isInstalled: row.has_ledger,
    owner: row.owner ?? undefined,
    role: row.role,
    isSuperuser: row.is_superuser,
    serverVersion: row.server_version,
    applied,
    version: Math.max(0, ...applied.map(({ schemaVersion }) => schemaVersion)),
  };
}

function refuseOtherServers({ server_description: description, server_version: version }: StateRow): void {
  const other = /CockroachDB|YugabyteDB|-YB-/.exec(description)?.[0];
  if (other !== undefined) {
    const name = other === '-YB-' ? 'YugabyteDB' : other;
    throw new LamplighterError('SERVER_UNSUPPORTED', `Lamplighter needs PostgreSQL; this server is ${name}`);
  }
  if (version < OLDEST_SERVER) {
    const major = Math.floor(version / 10_000);
    throw new LamplighterError('SERVER_UNSUPPORTED', `Lamplighter needs PostgreSQL 14 or later, got ${major}`);
  }
}

async function readLedger(db: Queryable, role: string): Promise<AppliedMigration[]> {
  try {
    const { rows } = await db.query<LedgerRow>(loadQuery('list_applied_migrations'));
    return rows.map(({ schema_version: schemaVersion, ...rest }) => ({ ...rest, schemaVersion }));
  } catch (error) {
    if (!isSqlState(error, 'insufficientPrivilege')) throw error;
    throw new LamplighterError('PERMISSION_DENIED', `The role "${role}" may not use the schema lamplighter`, {
      cause: error,
      hint: `As the schema's owner run: lamplighter migrate --grant-worker ${role}`,
    });
  }
}

/**
 * Makes sure that this program can work with the schema: its own version or one beside it, so that programs can be upgraded one by one.
 *
 * @throws LamplighterError SCHEMA_MISSING, SCHEMA_TOO_OLD, SCHEMA_TOO_NEW, and what {@link readSchemaState} throws.
 */
export async function requireSchema(db: Queryable): Promise<SchemaState> {
  const state = await readSchemaState(db);
  const version = programSchemaVersion();
  if (!state.isInstalled) {
    throw new LamplighterError('SCHEMA_MISSING', 'The schema of Lamplighter is not installed in this database', {
      hint: 'Run: lamplighter migrate',
    });
  }
  if (state.version < version - 1) {
    throw new LamplighterError(
      'SCHEMA_TOO_OLD',
      `This program works with schema versions ${version - 1} to ${version + 1}, the database has ${state.version}`,
      { hint: 'Run: lamplighter migrate' },
    );
  }
  refuseNewer(state, version);
  return state;
}

/** @throws LamplighterError SCHEMA_TOO_NEW when the schema is more than one version ahead of the program. */
export function refuseNewer(state: SchemaState, version: number): void {
  if (state.version <= version + 1) return;
  throw new LamplighterError(
    'SCHEMA_TOO_NEW',
    `This program works with schema versions up to ${version + 1}, the database has ${state.version}`,
    { hint: 'Upgrade the program: npm install lamplighter@latest' },
  );
}
