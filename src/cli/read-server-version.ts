import { loadQuery } from '../db/load-sql.ts';
import type { Session } from '../db/session.ts';

/** The version of the server, such as `18.4`. */
export async function readServerVersion(session: Session): Promise<string> {
  const { rows } = await session.query<{ version: string }>(loadQuery('read_server_facts'));
  return rows[0]?.version ?? 'unknown';
}
