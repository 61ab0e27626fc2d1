import type { DatabaseSetting } from '../core/config/define-config.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Session } from '../db/session.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { readServerSettings, type SettingName } from '../requests/server-settings.ts';

export type DatabaseSettings = Partial<Record<SettingName, DatabaseSetting>>;

const DEFAULTS: Readonly<Record<SettingName, string>> = {
  worker_concurrency: '4',
  worker_poll_interval: '1000ms',
  max_queue_size: '10000',
};
const SETTING_NAMES = Object.keys(DEFAULTS) as SettingName[]; // the keys are that type's

/** What the database has to say; nothing where the role may not read it. */
export async function readDatabaseSettings(session: Session): Promise<DatabaseSettings> {
  const seen = await readServerSettings(session);
  const held = await readEffective(session);
  const settings: Partial<Record<SettingName, DatabaseSetting>> = {};
  for (const name of SETTING_NAMES) {
    const server = seen[name] ?? '';
    const value = held?.[name];
    if (server.trim() !== '') settings[name] = { value: server, origin: `server setting steadytext.${name}` };
    else if (value !== undefined && value !== DEFAULTS[name]) settings[name] = { value, origin: 'lamplighter.set' };
    else if (value !== undefined && name === 'max_queue_size') settings[name] = { value, origin: 'default' };
  }
  return settings;
}

async function readEffective(session: Session): Promise<Record<SettingName, string> | undefined> {
  try {
    return (await session.query<Record<SettingName, string>>(loadQuery('read_effective_settings'))).rows[0];
  } catch (error) {
    if (classifySqlState(error) === 'permission') return undefined;
    throw error;
  }
}
