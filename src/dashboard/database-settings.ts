import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { SettingRow } from './api.ts';

const READ_EFFECTIVE_SETTINGS = loadQuery('read_effective_settings');
const MEANINGS: Readonly<Record<string, string>> = {
  worker_concurrency: 'batches of requests that a worker runs at once',
  worker_poll_interval: 'how often a worker looks for requests that nobody told it of',
  max_queue_size: 'pending requests beyond which none is queued; 0 for no limit',
};

/** The settings that callers and workers share, as they hold now; none where the role may not read them. */
export async function listDatabaseSettings(db: Queryable): Promise<readonly SettingRow[]> {
  const { rows: may } = await db.query<{ may: boolean }>(
    `select pg_catalog.has_function_privilege('lamplighter.effective_setting(text)', 'EXECUTE') as may`,
  );
  if (may[0]?.may !== true) return [];
  const { rows } = await db.query<Record<string, string>>(READ_EFFECTIVE_SETTINGS);
  return Object.entries(rows[0] ?? {}).map(([name, value]) => {
    const meaning = MEANINGS[name];
    return { name, value, origin: 'database', ...(meaning === undefined ? {} : { meaning }) };
  });
}
