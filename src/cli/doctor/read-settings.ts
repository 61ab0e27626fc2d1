import type { ConfigSources } from '../../core/config/define-config.ts';
import { isLamplighterError } from '../../core/errors.ts';
import { workerConfig } from '../../worker/config.ts';
import { readDatabaseSettings } from '../database-settings.ts';
import { listEffectiveOptions } from '../describe-options.ts';
import { WORKER_FLAGS } from '../worker-options.ts';
import type { Finding, Patient, ServerCheck, SettingLine, WorkerSettings } from './check.ts';

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
      const { options } = workerConfig;
      const lines: SettingLine[] = listEffectiveOptions({ options, config, origins, wordings: WORKER_FLAGS });
      const { max_queue_size: size } = database;
      if (size !== undefined) lines.push({ name: 'max_queue_size', value: size.value, origin: size.origin });
      return { lines, findings, config };
    } catch (error) {
      if (!isLamplighterError(error)) throw error;
      const isFromDatabase = error.message.startsWith('server setting');
      findings.push({
        state: isFromDatabase ? 'warning' : 'broken',
        message: isFromDatabase ? `${error.message}; it is ignored` : error.message,
      });
      if (!isFromDatabase) break;
    }
  }
  return { lines: [], findings, config: undefined };
}

/** What is wrong with them. */
export const settingsCheck: ServerCheck = {
  name: 'settings',
  looksAt: 'the options of a worker started here, from environment and database',
  needs: 'schema',
  run({ worker }) {
    return (
      worker?.findings ?? [{ state: 'unknown', message: 'not checked: the settings in the database could not be read' }]
    );
  },
};
