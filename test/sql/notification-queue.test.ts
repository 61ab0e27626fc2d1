import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { announceCompletions, finishRequests } from '../../src/requests/finish-requests.ts';
import { withClient } from '../support/admin.ts';
import { migrateAs } from '../support/owned-database.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

const isOld = await withClient(inject('serverUri'), async (client) => {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  return Number(rows[0]?.server_version_num) < 170_000;
});

// A queue of 8 GB cannot be filled in a test; from PostgreSQL 17 on it can be made small, on a server of its own.
test.skipIf(isOld)(
  'a full notification queue of the server fails nobody: events are dropped and counted (PostgreSQL 17 and later)',
  async () => {
    const server = await startEmbeddedServer({
      persistent: false,
      settings: { max_notify_queue_pages: '64', fsync: 'off' },
    });
    try {
      await migrateAs(server.uri);
      const db = new pg.Pool({ connectionString: server.uri, max: 2 });
      {
        await using stuck = await openSession(server.uri);
        await stuck.client.query('listen anything');
        await stuck.client.query('begin');
        const worker = await startSqlWorker(db);
        await db.query(`select lamplighter.request_wake_up('requests')`);
        await db.query(`select steadytext_embed_batch_async(array['a', 'b', 'c', 'd'])`);
        const claimed = await worker.claim({ limit: 3 });
        await fill(db);

        await db.query(`select steadytext_embed_async('e')`);
        const [ending] = claimed;
        if (ending === undefined) throw new Error('expected a request');
        const finish = { ...ending, outcome: { kind: 'completed', result: 'r' } } as const;
        const ended = await finishRequests(db, [finish], { workerId: worker.workerId, maxRetries: 3 });
        expect(ended).toEqual({ statuses: new Map([[ending.id, 'completed']]), isAnnounced: false });
        const event = { requestId: ending.requestId, functionName: 'embed', status: 'completed' } as const;
        await announceCompletions(db, [event], { workerId: worker.workerId, givenUp: 0 });
        await db.query(
          `select steadytext_cancel_async(request_id) from steadytext_queue where status in ('pending', 'processing')`,
        );
        const { rows } = await db.query(
          'select status, count(*)::int from steadytext_queue group by status order by status',
        );
        expect(rows).toEqual([
          { status: 'cancelled', count: 4 },
          { status: 'completed', count: 1 },
        ]);
        const dropped = await db.query('select events_dropped::int from lamplighter.worker');
        expect(dropped.rows).toEqual([{ events_dropped: 1 }]);
        await stuck.client.query('rollback');
      }
      await db.end();
    } finally {
      await server.stop();
    }
  },
);

/** Sends notifications until no more fit. */
async function fill(db: pg.Pool): Promise<void> {
  for (let i = 0; i < 1_000; i += 1) {
    const error = await db
      .query(`select pg_notify('noise', repeat('x', 7000) || $1)`, [i])
      .then(() => undefined)
      .catch((refusal: unknown) => refusal);
    if (error !== undefined)
      return expect(error).toMatchObject({ message: 'too many notifications in the NOTIFY queue' });
  }
  throw new Error('the notification queue is larger than expected');
}
