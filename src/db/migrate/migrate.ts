import { escapeIdentifier } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { isSqlState } from '../sqlstate.ts';
import { giveMigrationLock, type LockHolder, takeMigrationLock } from './migration-lock.ts';
import {
  type MigrateOptions,
  type MigrationPlan,
  type MigrationStep,
  planMigration,
  recordText,
} from './migration-plan.ts';
import { listMissingRights } from './missing-rights.ts';
import { announceServerSettings } from './server-settings.ts';
import { liftTimeLimits } from './time-limits.ts';
import { requireWritableServer } from './writable-server.ts';

export interface MigrateReport {
  readonly fromVersion: number;
  readonly toVersion: number;
  /** Titles of the steps that ran, in order. */
  readonly steps: readonly string[];
  /** What default privileges had given to others and was taken back, what granted roles still lack, and what was set in the server. */
  readonly notes: readonly string[];
}

const SEARCH_PATH = 'set local search_path = pg_catalog, pg_temp;';

/**
 * Installs or upgrades the schema; does nothing when it is up to date. One transaction, but for steps that cannot be in one: after a
 * crash between those, running it again goes on where it stopped. Concurrent calls wait for each other, and time limits of the role do
 * not count, but for its lock_timeout once the work has begun.
 *
 * @param session one session of the role that owns the schema or is to own it; not through a transaction pooler.
 * @param onWait called when another one has been waited for for two seconds, with its session.
 * @throws LamplighterError NAME_TAKEN, SCHEMA_TOO_NEW, SERVER_UNSUPPORTED, PERMISSION_DENIED, CONNECTION_REFUSED for a server that cannot
 *   be written to.
 */
export async function migrate(
  session: Queryable,
  options: MigrateOptions = {},
  onWait: (holder?: LockHolder) => void = () => undefined,
): Promise<MigrateReport> {
  const restoreTimeLimits = await liftTimeLimits(session);
  await takeMigrationLock(session, onWait);
  try {
    await restoreTimeLimits('lock_timeout');
    const plan = await planMigration(session, options);
    if (plan.steps.length > 0) await requireWritableServer(session);
    const notes: string[] = [];
    for (const group of groupSteps(plan.steps)) notes.push(...(await runGroup(session, group, plan)));
    if (plan.steps.length > 0) notes.push(...(await listMissingRights(session)));
    notes.push(...(await announceServerSettings(session)), ...(await settleCopiedQueue(session, plan)));
    return {
      fromVersion: plan.fromVersion,
      toVersion: plan.toVersion,
      steps: plan.steps.map(({ title }) => title),
      notes,
    };
  } finally {
    // The error that broke a session is the one to tell.
    await giveMigrationLock(session);
    await restoreTimeLimits().catch(() => undefined);
  }
}

/**
 * Logical replication copies rows and no sequences: without this every insert on what was the subscriber would fail. Where it copied the
 * queue alone, nobody would ever miss the workers of what was processing.
 */
async function settleCopiedQueue(session: Queryable, plan: MigrationPlan): Promise<string[]> {
  await session.query('begin');
  return settle().finally(() => session.query('commit'));
  async function settle() {
    await session.query(preamble(plan).join('\n'));
    const [gap] = (await session.query<{ id: string }>(loadQuery('settle_id_sequence'))).rows;
    if (gap === undefined) return [];
    const [row] = (await session.query<{ strays: string }>(loadQuery('settle_strays'))).rows;
    const strays = Number(row?.strays ?? 0);
    const found = strays === 1 ? '1 request was' : `${strays} requests were`;
    return [
      `the sequence of ids was behind the highest id and goes on after ${gap.id}`,
      ...(strays > 0 ? [`${found} processing on another server and will be run again here`] : []),
    ];
  }
}

/** The script that `migrate` would run, for psql. */
export function renderPlan(plan: MigrationPlan): string {
  if (plan.steps.length === 0) return `-- Nothing to do: the schema has version ${plan.toVersion}.\n`;
  const parts = groupSteps(plan.steps).map((group) =>
    group.every(({ isTransactional }) => isTransactional)
      ? ['begin;', ...preamble(plan), ...group.map(({ text }) => text.trim()), 'commit;'].join('\n\n')
      : group.map(standaloneText).join('\n\n'),
  );
  return `${parts.join('\n\n')}\n`;
}

function standaloneText({ text, migration }: MigrationStep): string {
  return [text.trim(), ...(migration === undefined ? [] : [recordText(migration)])].join('\n\n');
}

function preamble({ runAs }: MigrationPlan): string[] {
  return [SEARCH_PATH, ...(runAs === undefined ? [] : [`set local role ${escapeIdentifier(runAs)};`])];
}

/** Neighbouring transactional steps share a transaction; any other stands alone. */
function groupSteps(steps: readonly MigrationStep[]): MigrationStep[][] {
  const groups: MigrationStep[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (step.isTransactional && last?.[0]?.isTransactional === true) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

async function runGroup(session: Queryable, group: readonly MigrationStep[], plan: MigrationPlan): Promise<string[]> {
  const [first] = group;
  if (first?.migration !== undefined && !first.isTransactional) {
    await runStep(session, first);
    await session.query(recordText(first.migration));
    return [];
  }
  const notes: string[] = [];
  await session.query('begin isolation level read committed read write');
  try {
    await runStep(session, { title: 'start', text: preamble(plan).join('\n'), isTransactional: true });
    for (const step of group) notes.push(...(await runStep(session, step)));
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => undefined);
    throw error;
  }
  return notes;
}

async function runStep(session: Queryable, step: MigrationStep): Promise<string[]> {
  try {
    const { rows } = await session.query<{ note?: string }>(step.text);
    return rows.flatMap(({ note }) => (typeof note === 'string' ? [note] : []));
  } catch (error) {
    throw explain(error, step);
  }
}

function explain(error: unknown, step: MigrationStep): unknown {
  if (!(error instanceof Error)) return error;
  if (isSqlState(error, 'insufficientPrivilege')) {
    const schema = /^permission denied for schema (\S+)$/.exec(error.message)?.[1];
    return new LamplighterError('PERMISSION_DENIED', `Not permitted (${step.title}): ${error.message}`, {
      cause: error,
      hint:
        schema === undefined
          ? 'Migrate as the owner of the database, or of what is installed already.'
          : `Let the owner of that schema run: GRANT USAGE, CREATE ON SCHEMA ${schema} TO the role that migrates.`,
    });
  }
  if (isSqlState(error, 'undefinedObject') && step.title.startsWith('grant')) {
    return new LamplighterError('CONFIG_INVALID', `Could not ${step.title}: ${error.message}`, {
      cause: error,
      hint: 'Create the role first: CREATE ROLE name LOGIN PASSWORD ...',
    });
  }
  if (isSqlState(error, 'dependentObjectsStillExist')) {
    const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : error.message;
    return new LamplighterError(
      'NAME_TAKEN',
      `Nothing was changed, as other objects depend on what changes: ${detail}`,
      {
        cause: error,
        hint: 'Drop those first, and create them again afterwards.',
      },
    );
  }
  return error;
}
