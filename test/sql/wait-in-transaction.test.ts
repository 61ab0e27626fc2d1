import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { cancelAbandoned } from '../../src/requests/upkeep.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession, type SqlSession, untilAsleep } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let role: TestRole;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  role = await db.createRole('app');
  await db.pool.query('create schema tools; create extension dblink schema tools');
  await db.pool.query('insert into lamplighter.loopback (dsn) values ($1)', [dsnOf(db.uri)]);
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
  await db.pool.query(`grant create on schema public to ${pg.escapeIdentifier(role.name)}`);
  worker = await startSqlWorker(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

function dsnOf(uri: string): string {
  const { hostname, port, pathname, username, password } = new URL(uri);
  return `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}`;
}

const ENQUEUE = `select steadytext_generate_async('p', priority => 4) as id`;
const WAIT = 'select steadytext_get_async_result($1, $2) as result';

/** Opens a transaction of the granted role that has queued a request. */
async function enqueueUncommitted(): Promise<SqlSession & { readonly id: string }> {
  const session = await openSession(role.uri);
  await session.client.query('begin');
  const { rows } = await session.client.query<{ id: string }>(ENQUEUE);
  return { ...session, id: (rows as [{ id: string }])[0].id };
}

/** Completes the next request that becomes ready. */
const answer = (result: string) =>
  eventually(async () => {
    if ((await worker.answer(result)) === 0) throw new Error('no request became ready');
  });

/** The requests that others see, without those of committed callers. */
async function autonomous() {
  const { rows } = await db.pool.query(
    'select request_id, batch_id, username, status, result, error from steadytext_queue where batch_id is not null order by id',
  );
  return rows;
}

async function request(id: string) {
  return (await db.pool.query('select * from steadytext_queue where request_id = $1', [id])).rows[0];
}

test('a transaction that queues and waits gets its result, and its own request is completed and not run again', async () => {
  await using session = await enqueueUncommitted();
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await answer('the text');
  expect((await waiting).rows).toEqual([{ result: 'the text' }]);
  expect(await autonomous()).toMatchObject([
    { batch_id: session.id, username: role.name, status: 'completed', result: 'the text' },
  ]);
  expect((await session.client.query('select status from steadytext_check_async($1)', [session.id])).rows).toEqual([
    { status: 'completed' },
  ]);
  await session.client.query('commit');
  expect(await request(session.id)).toMatchObject({
    status: 'completed',
    result: 'the text',
    username: role.name,
    priority: 4,
    attempt: 1,
    worker_id: worker.workerId,
    started_at: expect.any(Date),
    completed_at: expect.any(Date),
  });
  expect(await worker.claim()).toEqual([]);
});

test('after the time is up the hint says that the request ends with the transaction, and not that it goes on', async () => {
  await using session = await enqueueUncommitted();
  const error = await sqlErrorOf(session.client, `select steadytext_get_async_result('${session.id}', 0)`);
  expect(error.message).toBe('Timeout waiting for async result (0 seconds)');
  expect(error.hint).toContain(
    'Unless you catch this error the request ends with it, as the transaction that queued it is rolled back.',
  );
  expect(error.hint).not.toContain('The request goes on');
});

test('queue_stats counts a request that was queued and waited for in one transaction once', async () => {
  await using session = await enqueueUncommitted();
  const stats = async (client: pg.Client | pg.Pool) =>
    (await client.query('select pending::int, completed::int from steadytext_queue_stats()')).rows;
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await eventually(async () => expect(await autonomous()).toHaveLength(1));
  expect(await stats(db.pool)).toEqual([{ pending: 1, completed: 0 }]);
  await answer('r');
  await waiting;
  expect(await stats(session.client)).toEqual([{ pending: 0, completed: 1 }]);
  await session.client.query('commit');
  expect(await stats(db.pool)).toEqual([{ pending: 0, completed: 1 }]);
});

test('the caller sees and may wait for a result twice', async () => {
  await using session = await enqueueUncommitted();
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await answer('r');
  await waiting;
  expect((await session.client.query(WAIT, [session.id, 0])).rows).toEqual([{ result: 'r' }]);
  expect(await autonomous()).toHaveLength(1);
});

test('a rolled-back caller leaves the autonomous request only', async () => {
  await using session = await enqueueUncommitted();
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await answer('r');
  await waiting;
  await session.client.query('rollback');
  expect(await request(session.id)).toBeUndefined();
  expect(await autonomous()).toMatchObject([{ status: 'completed' }]);
});

test('the documented function queues and waits', async () => {
  await using session = await openSession(role.uri);
  await session.client.query(`CREATE OR REPLACE FUNCTION generate_and_wait(prompt TEXT, timeout INTEGER DEFAULT 30) RETURNS TEXT AS $$
    DECLARE request_id UUID;
    BEGIN
      request_id := steadytext_generate_async(prompt);
      RETURN steadytext_get_async_result(request_id, timeout);
    END; $$ LANGUAGE plpgsql;`);
  const waiting = session.client.query(`select generate_and_wait('Hello') as result`);
  await answer('Hi');
  expect((await waiting).rows).toEqual([{ result: 'Hi' }]);
});

test('one statement queues and waits for each of its rows', async () => {
  await using session = await openSession(role.uri);
  const waiting = session.client.query(
    `WITH requests AS (SELECT n, steadytext_rerank_async('q', ARRAY['d' || n]) AS request_id FROM generate_series(1, 2) AS n)
     SELECT r.n, a.result FROM requests r, LATERAL steadytext_get_async_result(r.request_id, 60) a`,
  );
  await answer('first');
  await answer('second');
  expect((await waiting).rows).toEqual([
    { n: 1, result: 'first' },
    { n: 2, result: 'second' },
  ]);
});

test('a role that was set is the owner of the autonomous request', async () => {
  await using session = await openSession(db.uri);
  await session.client.query(`set role ${pg.escapeIdentifier(role.name)}`);
  await session.client.query('begin');
  const { rows } = await session.client.query(ENQUEUE);
  const waiting = session.client.query(WAIT, [rows[0].id, 30]);
  await answer('r');
  expect((await waiting).rows).toEqual([{ result: 'r' }]);
  expect(await autonomous()).toMatchObject([{ username: role.name }]);
});

test('a request queued in a savepoint that was released can be waited for in another one', async () => {
  await using session = await openSession(role.uri);
  await session.client.query('begin; savepoint a');
  const { rows } = await session.client.query(ENQUEUE);
  await session.client.query('release a; savepoint b');
  const waiting = session.client.query(WAIT, [rows[0].id, 30]);
  await answer('r');
  expect((await waiting).rows).toEqual([{ result: 'r' }]);
  await session.client.query('commit');
  expect(await request(rows[0].id)).toMatchObject({ status: 'completed', result: 'r' });
});

test('a request whose savepoint was rolled back is not found', async () => {
  await using session = await openSession(role.uri);
  await session.client.query('begin; savepoint a');
  const { rows } = await session.client.query(ENQUEUE);
  await session.client.query('rollback to a');
  expect(await sqlErrorOf(session.client, WAIT, [rows[0].id, 30])).toMatchObject({
    message: `Request ID ${rows[0].id} not found`,
  });
});

test('a wait that is rolled back with its savepoint leaves the request to be run after the commit', async () => {
  await using session = await enqueueUncommitted();
  await session.client.query('savepoint a');
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await answer('r');
  await waiting;
  await session.client.query('rollback to a; commit');
  expect(await request(session.id)).toMatchObject({ status: 'pending' });
});

test('a failed request that is retried and waited for in one transaction gives its result', async () => {
  await using session = await openSession(role.uri);
  const { rows } = await session.client.query(ENQUEUE);
  await worker.finish([await worker.claimOne()], { kind: 'failed', error: 'e' });
  await session.client.query('begin');
  await session.client.query('select steadytext_retry($1)', [rows[0].id]);
  const waiting = session.client.query(WAIT, [rows[0].id, 30]);
  await answer('now');
  expect((await waiting).rows).toEqual([{ result: 'now' }]);
  await session.client.query('commit');
  expect(await request(rows[0].id)).toMatchObject({ status: 'completed', result: 'now', error: null });
});

test('a failure reaches the caller; caught, it leaves the caller free to go on', async () => {
  await using session = await enqueueUncommitted();
  await session.client.query('savepoint a');
  const failure = sqlErrorOf(session.client, WAIT, [session.id, 30]);
  await eventually(async () => {
    await worker.finish([await worker.claimOne()], { kind: 'failed', error: 'no such word' });
  });
  expect(await failure).toMatchObject({ message: 'Async request failed: no such word', code: 'P0001' });
  await session.client.query('rollback to a; commit');
  expect(await autonomous()).toMatchObject([{ status: 'failed', error: 'no such word' }]);
  expect(await request(session.id)).toMatchObject({ status: 'pending' });
});

test('while its caller waits, an autonomous request is not abandoned', async () => {
  await using session = await enqueueUncommitted();
  const waiting = session.client.query(WAIT, [session.id, 30]);
  await untilAsleep(db.pool, session);
  expect(await cancelAbandoned(db.pool)).toBe(1);
  expect(await autonomous()).toMatchObject([{ status: 'pending' }]);
  const claimed = await worker.claim();
  expect(await cancelAbandoned(db.pool)).toBe(1);
  await worker.finish(claimed, { kind: 'completed', result: 'r' });
  expect((await waiting).rows).toEqual([{ result: 'r' }]);
  expect(await cancelAbandoned(db.pool)).toBe(0);
});

const ABANDONMENTS: Readonly<Record<string, (session: SqlSession & { readonly id: string }) => Promise<void>>> = {
  'its caller ran out of time': async ({ client, id }) => {
    expect(await sqlErrorOf(client, WAIT, [id, 0])).toMatchObject({
      message: 'Timeout waiting for async result (0 seconds)',
    });
  },
  'its caller was cut by statement_timeout': async ({ client, id }) => {
    await client.query(`set local statement_timeout = '300ms'`);
    expect(await sqlErrorOf(client, WAIT, [id, 30])).toMatchObject({
      message: 'Timeout waiting for async result (30 seconds)',
    });
  },
  'its caller was cancelled': async (session) => {
    const failure = sqlErrorOf(session.client, WAIT, [session.id, 30]);
    await untilAsleep(db.pool, session);
    await db.pool.query('select pg_cancel_backend($1)', [session.pid]);
    expect(await failure).toMatchObject({ code: '57014' });
  },
  "its caller's session was ended": async (session) => {
    const failure = sqlErrorOf(session.client, WAIT, [session.id, 30]);
    await untilAsleep(db.pool, session);
    await db.pool.query('select pg_terminate_backend($1)', [session.pid]);
    expect(await failure).toMatchObject({ code: '57P01' });
  },
  'the error was caught and the transaction goes on': async ({ client, id }) => {
    await client.query(`do $$
      begin
        perform steadytext_get_async_result('${id}', 0);
      exception when others then
        perform set_config('test.caught', sqlerrm, false);
      end $$`);
    const { rows } = await client.query(`select current_setting('test.caught') as caught`);
    expect(rows).toEqual([{ caught: 'Timeout waiting for async result (0 seconds)' }]);
  },
};

test.each(Object.keys(ABANDONMENTS))('an autonomous request is cancelled when %s', async (name) => {
  await using session = await enqueueUncommitted();
  await ABANDONMENTS[name]?.(session);
  // The server releases the locks of an ended session a moment after its client learns of the end.
  await eventually(async () => expect(await cancelAbandoned(db.pool)).toBe(0));
  expect(await autonomous()).toMatchObject([
    { status: 'cancelled', error: 'The transaction that waited for this request has ended' },
  ]);
  expect(await worker.claim()).toEqual([]);
});

test('one in progress is cancelled, too, and its late answer is dropped', async () => {
  await using session = await enqueueUncommitted();
  const failure = sqlErrorOf(session.client, WAIT, [session.id, 30]);
  await untilAsleep(db.pool, session);
  const claimed = await worker.claim();
  await db.pool.query('select pg_cancel_backend($1)', [session.pid]);
  await failure;
  // As above: the client learns of the error before the transaction lets go of its locks.
  await eventually(async () => expect(await cancelAbandoned(db.pool)).toBe(0));
  expect(await worker.finish(claimed, { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await autonomous()).toMatchObject([{ status: 'cancelled', result: null }]);
});

test('a caller that commits after giving up has its own request run', async () => {
  await using session = await enqueueUncommitted();
  await ABANDONMENTS['the error was caught and the transaction goes on']?.(session);
  await session.client.query('commit');
  await cancelAbandoned(db.pool);
  expect((await worker.claim()).map(({ requestId }) => requestId)).toEqual([session.id]);
});

test('a full queue is told as such', async () => {
  await using session = await enqueueUncommitted();
  await db.pool.query(`select steadytext_embed_async('t')`);
  await db.pool.query(`select lamplighter.set('max_queue_size', '1')`);
  try {
    expect(await sqlErrorOf(session.client, WAIT, [session.id, 30])).toMatchObject({ code: '53400' });
  } finally {
    await db.pool.query(`select lamplighter.set('max_queue_size', null)`);
  }
});

test('a caller that has locked the queue gets an error instead of waiting for itself', async () => {
  await using session = await openSession(db.uri);
  await session.client.query('begin; lock table steadytext_queue in exclusive mode');
  const { rows } = await session.client.query(ENQUEUE);
  expect(await sqlErrorOf(session.client, WAIT, [rows[0].id, 30])).toMatchObject({
    message: 'The loopback connection failed: canceling statement due to lock timeout',
    code: '55000',
  });
});

test('only the transaction that queued a request can send it, and nobody can adopt a foreign answer', async () => {
  await using session = await enqueueUncommitted();
  await session.client.query('commit');
  expect(await sqlErrorOf(session.client, 'select lamplighter.send_autonomous($1)', [session.id])).toMatchObject({
    message: `Request ${session.id} was not queued by this transaction`,
    code: '55000',
  });
  const { rows } = await db.pool.query(`select steadytext_generate_async('p') as id`);
  await worker.answer('secret');
  await session.client.query('begin');
  const own = await session.client.query(ENQUEUE);
  await session.client.query('select lamplighter.adopt_autonomous($1, $2)', [own.rows[0].id, rows[0].id]);
  expect(
    (await session.client.query('select result from steadytext_queue where request_id = $1', [own.rows[0].id])).rows,
  ).toEqual([{ result: null }]);
});
