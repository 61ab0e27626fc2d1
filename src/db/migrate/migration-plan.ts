import { escapeLiteral } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { requireOwnLedger } from './ledger.ts';
import { type MigrationFile, programSchemaVersion, readMigrations } from './migration-file.ts';
import { compareRoutines, type RoutineChanges } from './routine-steps.ts';
import { ownershipRepair, requireOwnSchema } from './schema-owner.ts';
import { readSchemaState, refuseNewer } from './schema-state.ts';
import { inParallel, sharedNames, sharedSchemas } from './shared-names.ts';

export interface MigrateOptions {
  /** Roles that may queue requests and use their own. */
  readonly grant?: readonly string[];
  /** Logins that may run workers. */
  readonly grantWorker?: readonly string[];
  /** Roles to see the figures of all roles. @default none */
  readonly grantMonitor?: readonly string[];
  /** A keyword/value DSN by which dblink reaches this database again. */
  readonly loopbackDsn?: string | undefined;
  /** This database, a copy, is from now on the one that works. @default false */
  readonly acceptCopy?: boolean;
}

export interface MigrationStep {
  readonly title: string;
  readonly text: string;
  readonly isTransactional: boolean;
  /** The migration that the step applies; undefined for grants and settings. */
  readonly migration?: MigrationFile;
}

export interface MigrationPlan {
  readonly steps: readonly MigrationStep[];
  /** The role that the steps run as, when it is not the session's: the owner of what is there already. */
  readonly runAs: string | undefined;
  readonly fromVersion: number;
  readonly toVersion: number;
}

/**
 * What would bring the database up to date; without `db`, a first installation.
 *
 * @throws LamplighterError NAME_TAKEN, SCHEMA_TOO_NEW, PERMISSION_DENIED for somebody else's schema, CONFIG_INVALID for a ledger that
 *   does not fit the program's files.
 */
export async function planMigration(db: Queryable | undefined, options: MigrateOptions): Promise<MigrationPlan> {
  const toVersion = programSchemaVersion();
  if (db !== undefined) await requireOwnSchema(db);
  const repair = db === undefined ? undefined : await ownershipRepair(db);
  const state = db === undefined ? undefined : await readSchemaState(db);
  if (db !== undefined && state !== undefined) {
    refuseNewer(state, toVersion);
    if (!state.isInstalled) await refuseTakenNames(db);
    requireOwnLedger(state);
  }
  const appliedNumbers = new Set(state?.applied.map(({ number }) => number));
  const pending = readMigrations().filter(({ number }) => !appliedNumbers.has(number));
  const isAhead = state !== undefined && state.version > toVersion;
  const migrations = isAhead ? [] : pending.map(migrationStep);
  const kept = db === undefined ? [] : await listKeptObjects(db, state?.isInstalled === true);
  const earlier = db !== undefined && state?.isInstalled === true ? await listRoleGrants(db) : [];
  const routines = isAhead ? [] : routineSteps(await compareRoutines(state?.isInstalled === true ? db : undefined));
  const revoke = migrations.length + routines.length === 0 ? [] : [revokeStep(kept)];
  return {
    steps: [
      ...repairSteps(repair),
      ...migrations,
      ...routines,
      ...revoke,
      ...grantSteps(options, earlier),
      ...loopbackSteps(options),
      ...installationSteps(options, state?.isInstalled === true),
    ],
    runAs: state?.owner !== undefined && state.owner !== state.role ? state.owner : undefined,
    fromVersion: state?.version ?? 0,
    toVersion: Math.max(toVersion, state?.version ?? 0),
  };
}

async function refuseTakenNames(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ name: string; extension: string | null }>(
    loadQuery('list_taken_names'),
    inParallel(sharedNames()),
  );
  const [first] = rows;
  if (first === undefined) return;
  const more = rows.length > 1 ? ` (and ${rows.length - 1} more)` : '';
  throw first.extension === null
    ? new LamplighterError('NAME_TAKEN', `The ${first.name} exists already and is not Lamplighter's${more}`, {
        hint: 'Rename or drop it, or install into another database.',
      })
    : new LamplighterError('NAME_TAKEN', `The ${first.name} belongs to the extension "${first.extension}"${more}`, {
        hint: `Save what you need from its tables, then: DROP EXTENSION ${first.extension}`,
      });
}

/** Objects whose privileges are their owner's business by now: what an earlier migration made, and a shared schema that was there. */
async function listKeptObjects(db: Queryable, isInstalled: boolean): Promise<number[]> {
  const query = isInstalled ? loadQuery('list_own_objects') : loadQuery('list_shared_schemas');
  return (await db.query<{ oid: number }>(query, [sharedSchemas()])).rows.map(({ oid }) => Number(oid));
}

async function listRoleGrants(db: Queryable): Promise<{ role: string; kind: string }[]> {
  const { rows } = await db.query<{ role_name: string; kind: string }>(loadQuery('list_role_grants'));
  return rows.map(({ role_name: role, kind }) => ({ role, kind }));
}

function migrationStep(migration: MigrationFile): MigrationStep {
  const { name, isTransactional } = migration;
  // Outside a transaction the statement stands alone, and recording it comes after.
  const text = isTransactional ? `${migration.text}\n${recordText(migration)}` : migration.text;
  return { title: name, text, isTransactional, migration };
}

/** The statement that enters a migration into the ledger. */
export function recordText({ number, name, schemaVersion, checksum }: MigrationFile): string {
  return (
    'insert into lamplighter.migration (number, name, schema_version, checksum) ' +
    `values (${number}, ${escapeLiteral(name)}, ${schemaVersion}, ${escapeLiteral(checksum)});`
  );
}

/** Functions named in the title of their step; more are counted. */
const NAMED_ROUTINES = 5;

function routineSteps({ changed, surplus, text }: RoutineChanges): MigrationStep[] {
  if (text === undefined) return [];
  const names = [...changed.map(({ schema, name }) => `${schema}.${name}`), ...surplus];
  const title = names.length > NAMED_ROUTINES ? `${names.length} functions` : `functions ${names.join(', ')}`;
  return [{ title, text, isTransactional: true }];
}

function repairSteps(repair: string | undefined): MigrationStep[] {
  return repair === undefined ? [] : [{ title: 'give all objects to one owner', text: repair, isTransactional: true }];
}

function revokeStep(kept: readonly number[]): MigrationStep {
  const text = `select lamplighter.revoke_unasked(array[${kept.join(', ')}]::oid[]) as note;`;
  return { title: 'revoke what default privileges gave', text, isTransactional: true };
}

function grantSteps(options: MigrateOptions, earlier: readonly { role: string; kind: string }[]): MigrationStep[] {
  const wanted = new Set([
    ...earlier.map(({ role, kind }) => JSON.stringify([kind, role])),
    ...(options.grant ?? []).map((role) => JSON.stringify(['caller', role])),
    ...(options.grantWorker ?? []).map((role) => JSON.stringify(['worker', role])),
    ...(options.grantMonitor ?? []).map((role) => JSON.stringify(['monitor', role])),
  ]);
  return [...wanted].map((entry) => {
    const [kind, role] = JSON.parse(entry) as [string, string];
    const note = kind === 'caller' ? ' as note' : '';
    const text = `select lamplighter.grant_${kind}(${escapeLiteral(role)})${note};`;
    return { title: `grant ${kind} rights to ${role}`, text, isTransactional: true };
  });
}

function loopbackSteps({ loopbackDsn }: MigrateOptions): MigrationStep[] {
  if (loopbackDsn === undefined) return [];
  const text =
    `insert into lamplighter.loopback (dsn) values (${escapeLiteral(loopbackDsn)}) ` +
    'on conflict (is_singleton) do update set dsn = excluded.dsn;';
  return [{ title: 'set the loopback connection', text, isTransactional: true }];
}

/** Where it is installed is noted once: a migration of a copy must not hide that it is one. */
function installationSteps({ acceptCopy = false }: MigrateOptions, isInstalled: boolean): MigrationStep[] {
  if (isInstalled && !acceptCopy) return [];
  const title = isInstalled ? 'note that this database is no copy' : 'note where the schema is installed';
  return [{ title, text: 'select lamplighter.note_installation();', isTransactional: true }];
}
