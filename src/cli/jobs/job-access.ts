import { LamplighterError } from '../../core/errors.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../db/pool.ts';
import { type ControlId, readControlId, readDatabaseId } from '../../embeddings/jobs/control-id.ts';
import { resolveJobConnection } from '../../embeddings/jobs/job-connection.ts';
import type { JobRow } from '../../embeddings/jobs/job-row.ts';
import { type JobsTable, openJobsTable } from '../../embeddings/jobs/jobs-table.ts';
import { readJobs } from '../../embeddings/jobs/read-jobs.ts';
import { listJobs, type RegisteredJob } from '../../embeddings/list-jobs.ts';
import type { Invocation } from '../cli-command.ts';
import { listOf } from '../cli-option.ts';
import { connectionOf } from '../connection-options.ts';
import { jobsTableOf, TRUST_OPTIONS } from '../daemon-options.ts';
import { withSession } from '../with-session.ts';

/** The jobs table, and the databases that its rows name. */
export interface JobAccess {
  readonly settings: ConnectionSettings;
  readonly db: Pool;
  readonly table: JobsTable;
  readonly rows: readonly JobRow[];
  /**
   * Runs `work` in the database of a job, with what is registered for it there.
   *
   * @throws LamplighterError CONFIG_INVALID for a row that cannot be read, or whose database may not be used; those of connecting.
   */
  inTarget<T>(row: JobRow, work: (db: Pool, registered: RegisteredJob | undefined) => Promise<T>): Promise<T>;
}

/** Opens the jobs table for the time of `work`. */
export async function withJobs<T>(invocation: Invocation, work: (access: JobAccess) => Promise<T>): Promise<T> {
  const { env, log } = invocation;
  const settings = connectionOf(invocation);
  const [allowedHosts = [], trustedOwners = []] = TRUST_OPTIONS.map((option) => listOf(invocation, option));
  // Tells soon what is wrong, and can be interrupted while a server does not answer.
  await withSession(invocation, settings, (session) => session.query('select 1'));
  const pools = new Map<ConnectionSettings, Pool>();
  const poolFor = (to: ConnectionSettings) => {
    const pool = pools.get(to) ?? createPool(to, { max: 1, applicationName: 'lamplighter', log });
    pools.set(to, pool);
    return pool;
  };
  const places = new Map<string, ConnectionSettings>();
  const placeOf = (connection: string | undefined) => {
    const known = places.get(connection ?? '');
    if (known !== undefined) return known;
    const place = resolveJobConnection(connection, { main: settings, env, allowedHosts });
    places.set(connection ?? '', place);
    return place;
  };
  const db = poolFor(settings);
  try {
    const table = await openJobsTable(db, jobsTableOf(invocation), trustedOwners);
    const control: ControlId = await readControlId(db, table);
    return await work({
      settings,
      db,
      table,
      rows: await readJobs(db, table),
      async inTarget({ id, spec }, inside) {
        if ('problem' in spec)
          throw new LamplighterError('CONFIG_INVALID', `The job ${id} cannot be read: ${spec.problem}`);
        const place = placeOf(spec.connection);
        const target = poolFor(place);
        const isMain =
          place === settings || (control.database !== undefined && (await readDatabaseId(target)) === control.database);
        const jobs = await listJobs(target, isMain ? control.local : control.global);
        return inside(
          target,
          jobs.find(({ jobId }) => jobId === id),
        );
      },
    });
  } finally {
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  }
}

/** The one row that the command line names. */
export function requireJob({ rows, table }: JobAccess, { args }: Invocation): JobRow {
  const [id] = args;
  if (id === undefined)
    throw new LamplighterError('USAGE', 'Which job? Give its id', { hint: '"lamplighter jobs list" shows them.' });
  const row = rows.find((candidate) => candidate.id === id);
  if (row !== undefined) return row;
  throw new LamplighterError('USAGE', `There is no job ${id} in ${table.quotedName}`, {
    hint: '"lamplighter jobs list" shows what there is.',
  });
}
