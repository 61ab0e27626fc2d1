import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { createOwnedDatabase, migrateAs } from '../support/owned-database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession } from '../support/sql-session.ts';

let db: TestDatabase;
let role: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  role = await db.createRole('app');
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() =>
  db.pool.query('delete from steadytext_queue; delete from lamplighter.loopback; drop extension if exists dblink'),
);

const setDsn = (dsn: string) => db.pool.query('insert into lamplighter.loopback (dsn) values ($1)', [dsn]);

/** Queues and waits in one transaction of the role; with the error comes all that the server sent to the client. */
async function refusal(options = '') {
  await using session = await openSession(role.uri);
  const notices: string[] = [];
  session.client.on('notice', (notice) => notices.push(JSON.stringify(notice)));
  await session.client.query(`begin; ${options}`);
  const { rows } = await session.client.query(`select steadytext_generate_async('p') as id`);
  const { id } = rows[0];
  const raw = await session.client
    .query('select steadytext_get_async_result($1)', [id])
    .catch((error: unknown) => error);
  if (!(raw instanceof pg.DatabaseError)) throw new Error('expected an error of the server');
  const { message, code, detail, hint } = raw;
  const sent = [...notices, JSON.stringify({ ...raw, message })].join('\n');
  return { id, error: { message, code, detail, hint }, sent };
}

const HINT =
  'Commit before you wait. To queue and wait in one transaction, CREATE EXTENSION dblink and let the schema owner ' +
  'run: lamplighter migrate --loopback DSN.';

test('without a loopback connection, waiting for an uncommitted request fails at once and says what to do', async () => {
  await db.pool.query('create extension dblink');
  const { id, error } = await refusal();
  expect(error).toEqual({
    message: `Request ${id} was queued by this transaction, which has not committed: no worker can see it yet`,
    code: '55000',
    detail: 'No loopback connection is set.',
    hint: HINT,
  });
});

test('without dblink, likewise', async () => {
  await setDsn('host=127.0.0.1');
  const { error } = await refusal();
  expect(error).toMatchObject({ code: '55000', detail: 'The extension dblink is not installed.', hint: HINT });
});

test('a committed request needs neither', async () => {
  await using session = await openSession(role.uri);
  const { rows } = await session.client.query(`select steadytext_generate_async('p') as id`);
  expect(await sqlErrorOf(session.client, 'select steadytext_get_async_result($1, 0)', [rows[0].id])).toMatchObject({
    message: 'Timeout waiting for async result (0 seconds)',
  });
});

test.each([
  ['a wrong password', `host=127.0.0.1 port=PORT dbname=postgres user=postgres password=s3cr3t-word`],
  ['an unreachable server', `host=127.0.0.1 port=1 dbname=postgres user=postgres password=s3cr3t-word`],
  ['a DSN that cannot be read', `host=127.0.0.1 pass word=s3cr3t-word`],
  ['a database without the schema', `host=127.0.0.1 port=PORT dbname=template1 user=USER password=s3cr3t-word`],
])('%s is an error at once that does not give the DSN away', async (_, dsn) => {
  await db.pool.query('create extension dblink');
  await setDsn(dsn.replace('PORT', new URL(db.uri).port));
  const { error, sent } = await refusal(
    `set local client_min_messages = debug5; set local debug_print_plan = on; set local debug_print_parse = on;
     set local debug_print_rewritten = on`,
  );
  expect(error).toMatchObject({
    message: 'The loopback connection failed: could not establish connection',
    code: '55000',
    hint: expect.stringContaining('--loopback DSN'),
  });
  expect(sent).not.toContain('s3cr3t');
  // Constants in plans are printed byte by byte.
  expect(sent).not.toContain([...Buffer.from('s3cr3t-word')].join(' '));
});

test.each(['app', 'stranger'])('the role %s cannot read the DSN, nor call what runs at its other end', async (name) => {
  await setDsn('password=s3cr3t-word');
  const reader = name === 'app' ? role : await db.createRole(name);
  await using session = await openSession(reader.uri);
  expect(await sqlErrorOf(session.client, 'select dsn from lamplighter.loopback')).toMatchObject({ code: '42501' });
  const call = `select lamplighter.enqueue_autonomous(gen_random_uuid(), gen_random_uuid(), 'postgres', 'embed', '{}', 0, 'default')`;
  expect(await sqlErrorOf(session.client, call)).toMatchObject({ code: '42501' });
});

test('an owner without superuser rights can have a loopback connection: its password is asked for', async () => {
  await using own = await createOwnedDatabase();
  const { owner } = own;
  await own.pool.query('create extension dblink');
  const { hostname, port, password } = new URL(owner.uri);
  await migrateAs(owner.uri, {
    loopbackDsn: `host=${hostname} port=${port} dbname=${own.name} user=${owner.name} password=${password}`,
  });
  await using caller = await openSession(owner.uri);
  await caller.client.query('begin');
  const { rows } = await caller.client.query(`select steadytext_generate_async('p') as id`);
  expect(await sqlErrorOf(caller.client, 'select steadytext_get_async_result($1, 0)', [rows[0].id])).toMatchObject({
    message: 'Timeout waiting for async result (0 seconds)',
  });
  const seen = await own.pool.query('select batch_id, username from steadytext_queue');
  expect(seen.rows).toEqual([{ batch_id: rows[0].id, username: owner.name }]);
});
