import type { Session } from '../session.ts';

/** What is between this program and the server: nothing; something that keeps one server session per client; or something that does not. */
export type Route = 'direct' | 'pooled' | 'transaction-pooled';

/** How often two clients compare their backends: a pooler with free ones may serve them differently once or twice. */
const ROUNDS = 3;

/**
 * What is in between, as far as the server process ids can prove: the id given at login differs from the real one as soon as anything is
 * in between, and transaction pooling is proven when one client's backend changes, or two clients show the same one. `pooled` says only
 * that this proof failed.
 *
 * @param openProbe - opens a second session to the same address; it is asked only when something is in between, and left to the caller.
 */
export async function detectRoute(session: Session, openProbe: () => Promise<Session>): Promise<Route> {
  const first = await backendPid(session);
  if (first === session.processId) return 'direct';
  const probe = await openProbe();
  for (let round = 0; round < ROUNDS; round++) {
    const other = await backendPid(probe);
    const own = await backendPid(session);
    if (own !== first || own === other) return 'transaction-pooled';
  }
  return 'pooled';
}

async function backendPid(session: Session): Promise<number | undefined> {
  const { rows } = await session.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
  return rows[0]?.pid;
}
