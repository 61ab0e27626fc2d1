import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { enqueueAs, taskOf, untilEnded } from './worker-stage.ts';

let db: TestDatabase;
let ann: TestRole;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query(`select lamplighter.grant_caller('${ann.name}')`);
  await db.pool.query(`create schema own authorization ${ann.name}`);
  tested = await startTestWorker({ uri: db.uri, taskRoles: { [ann.name]: ann.uri } });
});
afterEach(() => db.pool.query('delete from lantern.tasks'));
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

test('a task runs as the role that queued it, once that has committed', async () => {
  const jobid = await withClient(ann.uri, async (client) => {
    await client.query('begin');
    const { rows } = await client.query<{ jobid: string }>(
      `select lantern.async_task('create table own.t as select session_user as who, pg_backend_pid() as pid', 'a name') as jobid`,
    );
    const id = rows[0]?.jobid ?? '';
    expect(await taskOf(db.pool, id)).toBeUndefined();
    await client.query('commit');
    return id;
  });
  expect(await untilEnded(db.pool, jobid)).toMatchObject({
    status: 'succeeded',
    error_message: null,
    username: ann.name,
  });
  expect((await db.pool.query('select who from own.t')).rows).toEqual([{ who: ann.name }]);
  await db.pool.query('drop table own.t');
  expect(tested.warnings()).toEqual([]);
});

test('a text that fails ends failed with the text of psql', async () => {
  const jobid = await enqueueAs(ann.uri, 'SELECT pg_sleep(haha);');
  expect(await untilEnded(db.pool, jobid)).toMatchObject({
    status: 'failed',
    error_message: 'ERROR:  column "haha" does not exist\nLINE 1: SELECT pg_sleep(haha);\n                        ^\n',
  });
});
