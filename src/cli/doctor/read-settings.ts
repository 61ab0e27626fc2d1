import type { ConfigSources, DatabaseSetting } from '../../core/config/define-config.ts';
import { formatDuration } from '../../core/duration.ts';
import { isLamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { readServerSettings, type SettingName } from '../../requests/server-settings.ts';
import { type WorkerConfig, type WorkerOption, workerConfig } from '../../worker/config.ts';
import { WORKER_FLAGS } from '../worker-options.ts';
import type { Check, Finding, Patient, SettingLine, WorkerSettings } from './check.ts';

const DEFAULTS: Readonly<Record<SettingName, string>> = {
  worker_concurrency: '4',
  worker_poll_interval: '1000ms',
  max_queue_size: '10000',
};
const SETTING_NAMES = Object.keys(DEFAULTS) as SettingName[]; // the keys are that type's

/** The settings of a worker started here. */
export async function readSettings({
  session,
  invocation,
}: Pick<Patient, 'session' | 'invocation'>): Promise<WorkerSettings> {
  const database = await readDatabaseSettings(session);
  const { env } = invocation;
  const attempts: ConfigSources[] = [{ env, database }, { env }];
  const findings: Finding[] = [];
  for (const sources of attempts) {
    try {
      const { config, origins } = workerConfig.resolve(sources);
      const lines = Object.entries(workerConfig.options).map(([option, { flag }]): SettingLine => {
        const name = option as WorkerOption; // the keys are that type's
        return { name: flag, value: renderValue(name, config[name]), origin: origins[name] };
      });
      const { max_queue_size: size } = database;
      if (size !== undefined) lines.push({ name: 'max_queue_size', value: size.value, origin: size.origin });
      return { lines, findings, config };
    } catch (error) {
      if (!isLamplighterError(error)) throw error;
      const isFromDatabase = error.message.startsWith('server setting');
      findings.push({
        state: isFromDatabase ? 'warning' : 'broken',
        subject: 'settings',
        says: isFromDatabase ? `${error.message}; it is ignored` : error.message,
      });
      if (!isFromDatabase) break;
    }
  }
  return { lines: [], findings, config: undefined };
}

/** What the database has to say; nothing where the role may not read it. */
async function readDatabaseSettings(
  session: Patient['session'],
): Promise<Partial<Record<SettingName, DatabaseSetting>>> {
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

async function readEffective(session: Patient['session']): Promise<Record<SettingName, string> | undefined> {
  try {
    return (await session.query<Record<SettingName, string>>(loadQuery('read_effective_settings'))).rows[0];
  } catch (error) {
    if (classifySqlState(error) === 'permission') return undefined;
    throw error;
  }
}

/** What is wrong with them. */
export const checkSettings: Check = async ({ worker }) => worker?.findings ?? [];

function renderValue(option: WorkerOption, value: WorkerConfig[WorkerOption]): string {
  if (value === undefined)
    return WORKER_FLAGS.find(({ flag }) => flag === workerConfig.options[option].flag)?.defaultText ?? '-';
  if (Array.isArray(value)) return value.join(',');
  return option.endsWith('Ms') && typeof value === 'number' ? formatDuration(value) : String(value);
}
