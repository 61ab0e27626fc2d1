import type { Queryable } from '../query.ts';

/** Settings that end what takes long. Not all of them exist on every version. */
const TIME_LIMITS = [
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
] as const;

/**
 * Lifts the limits of time that the role or the database sets for ordinary sessions, and returns how to put them back: all, or the
 * named ones. For a session of one's own; a broken one needs nothing put back.
 */
export async function liftTimeLimits(session: Queryable): Promise<(...names: string[]) => Promise<void>> {
  const { rows } = await session.query<{ name: string }>(
    `select s.name, pg_catalog.set_config(s.name, '0', false) from pg_catalog.pg_settings as s where s.name = any ($1)`,
    [TIME_LIMITS],
  );
  const lifted = rows.map(({ name }) => name);
  return async (...names) => {
    await session.query((names.length === 0 ? lifted : names).map((name) => `reset ${name}`).join('; '));
  };
}
