import type { Actor } from '../history/journalling-worker.ts';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';

/** Holds up every statement that writes the queue, while those that read it pass. */
export interface Barrier extends AsyncDisposable {
  /** The backend of the actor that waits here in a statement which calls an engine function of that name, once there is one. */
  untilReached(actor: Actor, functionName: 'claim_requests' | 'finish_requests'): Promise<number>;
  /** Lets all who wait here go on, in the order in which they came. */
  open(): Promise<void>;
}

export async function raiseBarrier(db: TestDatabase): Promise<Barrier> {
  const session = await openSession(db.uri);
  await session.client.query('begin');
  await session.client.query('lock table public.steadytext_queue in share mode');
  return {
    untilReached: (actor, functionName) =>
      eventually(
        async () => {
          const { rows } = await db.pool.query<{ pid: number }>(
            `select pid from pg_stat_activity
             where usename = $1 and wait_event_type = 'Lock' and state = 'active' and position($2 in query) > 0`,
            [actor.name, functionName],
          );
          const [row] = rows;
          if (row === undefined) throw new Error(`no session of ${actor.name} waits in ${functionName}`);
          return row.pid;
        },
        { intervalMs: 5 },
      ),
    async open() {
      await session.client.query('commit');
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** Resolves when the backend has ended its statement or itself. */
export async function untilStatementEnds(db: TestDatabase, pid: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await db.pool.query(`select from pg_stat_activity where pid = $1 and state = 'active'`, [pid]);
    if (rows.length > 0) throw new Error(`backend ${pid} is still at work`);
  });
}
