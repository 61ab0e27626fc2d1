import pg from 'pg';
import { eventually } from './eventually.ts';

/** One session of its own, closed at the end of the block, whatever state it is in. */
export interface SqlSession extends AsyncDisposable {
  readonly client: pg.Client;
  readonly pid: number;
}

export async function openSession(uri: string): Promise<SqlSession> {
  const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test session' });
  // Tests end sessions on purpose; a query on one fails where it is made.
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return {
    client,
    pid: rows[0]?.pid ?? 0,
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}

/** Resolves when the backend sleeps inside a statement, as a caller does between two looks at its request. */
export async function untilAsleep(db: pg.Pool, session: SqlSession): Promise<void> {
  await untilState(db, session, `wait_event = 'PgSleep'`);
}

/** Resolves when the backend is held up by a lock of another session. */
export async function untilBlocked(db: pg.Pool, session: SqlSession): Promise<void> {
  await untilState(db, session, `wait_event_type = 'Lock'`);
}

async function untilState(db: pg.Pool, { pid }: SqlSession, condition: string): Promise<void> {
  const isReached = async () => {
    const { rows } = await db.query(`select from pg_stat_activity where pid = $1 and ${condition}`, [pid]);
    if (rows.length === 0) throw new Error(`backend ${pid} has no ${condition}`);
  };
  await eventually(isReached, { intervalMs: 2 });
}
