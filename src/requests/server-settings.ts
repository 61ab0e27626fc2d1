import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const READ_SERVER_SETTINGS = loadQuery('read_server_settings');
const RECORD_SERVER_SETTINGS = loadQuery('record_server_settings');

export type SettingName = 'worker_concurrency' | 'worker_poll_interval' | 'max_queue_size';
export type ServerSettings = Readonly<Record<SettingName, string | null>>;

export interface PublishedSetting {
  readonly name: SettingName;
  readonly value: string;
  readonly origin: 'server' | 'table' | 'default';
}

export interface EffectiveSetting extends PublishedSetting {
  /** Why the server's value does not count; undefined when it does or is not set. */
  readonly problem: string | undefined;
}

/** The settings as one session sees them; only a fresh session sees ALTER DATABASE and ALTER ROLE. */
export async function readServerSettings(freshSession: Queryable): Promise<ServerSettings> {
  const [row] = (await freshSession.query<Record<SettingName, string | null>>(READ_SERVER_SETTINGS)).rows;
  if (row === undefined) throw new Error('read_server_settings returned no row');
  return row;
}

/** Publishes what a fresh session saw, for all workers and callers, and returns what holds now. */
export async function recordServerSettings(db: Queryable, seen: ServerSettings): Promise<EffectiveSetting[]> {
  const { rows } = await db.query<{
    name: SettingName;
    value: string;
    origin: EffectiveSetting['origin'];
    problem: string | null;
  }>(RECORD_SERVER_SETTINGS, [seen.worker_concurrency, seen.worker_poll_interval, seen.max_queue_size]);
  return rows.map((row) => ({ ...row, problem: row.problem ?? undefined }));
}
