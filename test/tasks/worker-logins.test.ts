import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { enqueueAs, taskOf, untilEnded, untilState } from './worker-stage.ts';

let db: TestDatabase;
let ann: TestRole;
let bob: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  bob = await db.createRole('bob');
  for (const role of [ann, bob]) await db.pool.query(`select lamplighter.grant_caller('${role.name}')`);
});
afterEach(() => db.pool.query('delete from lantern.tasks'));
afterAll(() => db[Symbol.asyncDispose]());

const start = (options: { taskRoles?: Record<string, string>; taskPasswordCommand?: string } = {}) =>
  startTestWorker({ uri: db.uri, ...options });

test('a wrong password ends the task with a text that names the role and what to configure, and nobody else’s', async () => {
  await using _worker = await start({ taskRoles: { [ann.name]: db.uriFor(ann.name, 'wrong'), [bob.name]: bob.uri } });
  const failing = await enqueueAs(ann.uri, 'select 1');
  const other = await enqueueAs(bob.uri, 'select 1');
  const { status, error_message } = await untilEnded(db.pool, failing);
  expect(status).toBe('failed');
  expect(error_message).toMatch(
    /^connection failed: FATAL: {2}password authentication failed for user "\S+ann"\nHINT: {2}/,
  );
  expect(error_message).toContain(`--task-role '${ann.name}=URI'`);
  expect(error_message).not.toContain('wrong');
  expect(await untilEnded(db.pool, other)).toMatchObject({ status: 'succeeded' });
});

test('a role without a login of its own listed is tried as libpq would, without the password of the worker', async () => {
  await using _worker = await start();
  expect((await untilEnded(db.pool, await enqueueAs(ann.uri, 'select 1'))).error_message).toMatch(
    /^connection failed: /,
  );
});

test('a password command is asked for each role', async () => {
  const password = decodeURIComponent(new URL(ann.uri).password);
  await using _worker = await start({ taskPasswordCommand: `printf %s '${password}' ; true` });
  expect(await untilEnded(db.pool, await enqueueAs(ann.uri, 'select 1'))).toMatchObject({ status: 'succeeded' });
  expect(await untilEnded(db.pool, await enqueueAs(bob.uri, 'select 1'))).toMatchObject({ status: 'failed' });
});

test('a login that leads to another role, or to another database, is refused', async () => {
  const elsewhere = new URL(bob.uri);
  elsewhere.pathname = '/postgres';
  await using _worker = await start({ taskRoles: { [ann.name]: bob.uri, [bob.name]: elsewhere.href } });
  expect((await untilEnded(db.pool, await enqueueAs(ann.uri, 'select 1'))).error_message).toContain(
    `the login meant for role "${ann.name}" ended in role "${bob.name}"`,
  );
  expect((await untilEnded(db.pool, await enqueueAs(bob.uri, 'select 1'))).error_message).toContain(
    'ended in database "postgres"',
  );
});

test('a role that lost its login after it had queued fails; a role without one cannot queue', async () => {
  const jobid = await enqueueAs(ann.uri, 'select 1');
  await db.pool.query(`alter role ${ann.name} nologin`);
  try {
    await using _worker = await start({ taskRoles: { [ann.name]: ann.uri } });
    expect((await untilEnded(db.pool, jobid)).error_message).toMatch(
      /^connection failed: .*is not permitted to log in/,
    );
  } finally {
    await db.pool.query(`alter role ${ann.name} login`);
  }
});

test.each(['superuser', 'replication', 'bypassrls'])(
  'a role with %s is served only when it is listed',
  async (attribute) => {
    const password = decodeURIComponent(new URL(ann.uri).password);
    await db.pool.query(`alter role ${ann.name} ${attribute}`);
    try {
      await using unlisted = await start({ taskPasswordCommand: `printf %s '${password}' ; true` });
      expect((await untilEnded(db.pool, await enqueueAs(ann.uri, 'select 1'))).error_message).toContain(
        'unless it is listed',
      );
      await unlisted.worker.stop();
      await using _listed = await start({ taskRoles: { [ann.name]: ann.uri } });
      expect(await untilEnded(db.pool, await enqueueAs(ann.uri, 'select 1'))).toMatchObject({ status: 'succeeded' });
    } finally {
      await db.pool.query(`alter role ${ann.name} no${attribute}`);
    }
  },
);

test('tasks of a role with a connection limit follow one another, without pauses that grow', async () => {
  await withClient(ann.uri, (client) =>
    client.query(`insert into lantern.tasks (query) select 'select pg_sleep(0.05)' from generate_series(1, 12)`),
  );
  await db.pool.query(`alter role ${ann.name} connection limit 1`);
  try {
    await using _worker = await start({ taskRoles: { [ann.name]: ann.uri } });
    await eventually(
      async () => {
        const { rows } = await db.pool.query(`select from lantern.tasks where status = 'succeeded'`);
        expect(rows).toHaveLength(12);
      },
      { timeoutMs: 12_000 },
    );
  } finally {
    await db.pool.query(`alter role ${ann.name} connection limit -1`);
  }
});

test('a connection limit holds up its own role alone, the view says so, and the task runs when there is room', async () => {
  await db.pool.query(`alter role ${ann.name} connection limit 1`);
  try {
    await using _worker = await start({ taskRoles: { [ann.name]: ann.uri, [bob.name]: bob.uri } });
    const jobid = await withClient(ann.uri, async (client) => {
      const { rows } = await client.query<{ jobid: string }>(`select lantern.async_task('select 1') as jobid`);
      const id = rows[0]?.jobid ?? '';
      await eventually(async () => {
        const { reason } = await untilState(db.pool, id, 'queued');
        expect(reason).toBe(`the connection limit of role "${ann.name}" is reached`);
      });
      expect(await untilEnded(db.pool, await enqueueAs(bob.uri, 'select 1'))).toMatchObject({ status: 'succeeded' });
      expect(await taskOf(db.pool, id)).toMatchObject({ status: null });
      return id;
    });
    expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
    const { attempt } = await untilState(db.pool, jobid, 'succeeded');
    expect(attempt).toBeGreaterThan(1);
  } finally {
    await db.pool.query(`alter role ${ann.name} connection limit -1`);
  }
});
