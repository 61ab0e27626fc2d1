import type { Queryable } from '../query.ts';
import { readSchemaState } from './schema-state.ts';

/** The settings that users may give in the server's configuration. */
const SERVER_SETTINGS = [
  'steadytext.worker_concurrency',
  'steadytext.worker_poll_interval',
  'steadytext.max_queue_size',
] as const;

const FIRST_THAT_TAKES_ANY_NAME = 170_000;

/**
 * Makes the settings' names known to PostgreSQL before 17, which refuses `ALTER SYSTEM SET` of a name that no file mentions: each is
 * set to the empty string, which counts as not set. Only a superuser can; for others nothing happens, as lamplighter.set() does the
 * same. ALTER SYSTEM cannot be in a transaction, so that it comes after the migration.
 */
export async function announceServerSettings(session: Queryable): Promise<string[]> {
  const { isSuperuser, serverVersion } = await readSchemaState(session);
  if (!isSuperuser || serverVersion >= FIRST_THAT_TAKES_ANY_NAME) return [];
  const announced: string[] = [];
  for (const name of SERVER_SETTINGS) {
    const { rows } = await session.query<{ value: string | null }>(
      'select pg_catalog.current_setting($1, true) as value',
      [name],
    );
    if (rows[0]?.value !== null) continue;
    // The session must know the name first.
    await session.query(`set ${name} = ''`);
    await session.query(`alter system set ${name} = ''`);
    announced.push(name);
  }
  if (announced.length === 0) return [];
  await session.query('select pg_catalog.pg_reload_conf()');
  return [`made known to ALTER SYSTEM: ${announced.join(', ')}`];
}

/** Takes what {@link announceServerSettings} wrote out of the server's configuration, if the role may; a value of the user's stays. */
export async function forgetServerSettings(session: Queryable): Promise<void> {
  const { isSuperuser } = await readSchemaState(session);
  if (!isSuperuser) return;
  for (const name of SERVER_SETTINGS) {
    const { rows } = await session.query<{ value: string | null }>(
      'select pg_catalog.current_setting($1, true) as value',
      [name],
    );
    if (rows[0]?.value !== '') continue;
    await session.query(`alter system reset ${name}`);
  }
  await session.query('select pg_catalog.pg_reload_conf()');
}
