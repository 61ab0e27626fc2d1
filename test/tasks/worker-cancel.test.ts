import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { cancelAs, enqueueAs, timedCancelAs, untilEnded } from './worker-stage.ts';

let db: TestDatabase;
let ann: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query(`select lamplighter.grant_caller('${ann.name}')`);
  await db.pool.query(`create schema own authorization ${ann.name}`);
});
afterEach(() => db.pool.query('delete from lantern.tasks'));
afterAll(() => db[Symbol.asyncDispose]());

const cancel = (jobid: string, uri = ann.uri) => cancelAs(uri, jobid);
const timedCancel = (jobid: string) => timedCancelAs(db.pool, ann.uri, jobid);

describe('a worker at work', () => {
  let tested: TestWorker;
  beforeAll(async () => {
    tested = await startTestWorker({ uri: db.uri, taskRoles: { [ann.name]: ann.uri } });
  });
  afterAll(() => tested[Symbol.asyncDispose]());

  test.each([
    ['a sleep', 'select pg_sleep(60)'],
    ['a loop', 'do $$ begin loop perform 1; end loop; end $$'],
    ['a sort', 'select count(*) from (select random() as r from generate_series(1, 50000000) order by r) as s'],
    [
      'a text that catches the cancel',
      `do $$ begin loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop; end $$`,
    ],
    ['a procedure that commits', 'do $$ begin loop perform pg_sleep(0.01); commit; end loop; end $$'],
  ])('breaks off %s within a second, and the backend is gone', async (_, text) => {
    const { endMs, goneMs } = await timedCancel(await enqueueAs(ann.uri, text));
    expect(endMs).toBeLessThan(1_000);
    expect(goneMs).toBeLessThan(1_500);
  });

  test('a queued task that is cancelled never starts', async () => {
    await db.pool.query('create table if not exists own.ran (n int)');
    await db.pool.query(`grant all on own.ran to ${ann.name}`);
    const jobid = await withClient(ann.uri, async (client) => {
      await client.query('begin');
      const { rows } = await client.query(`select lantern.async_task('insert into own.ran values (1)') as jobid`);
      await client.query('select lantern.cancel_async_task($1)', [rows[0].jobid]);
      await client.query('commit');
      return rows[0].jobid as string;
    });
    expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'canceled', error_message: 'Canceled by user' });
    expect((await db.pool.query('select from own.ran')).rowCount).toBe(0);
  });

  test('a cancel that races with the end never contradicts the effects', async () => {
    await db.pool.query('create table if not exists own.raced (n int)');
    await db.pool.query(`grant all on own.raced to ${ann.name}`);
    const jobids: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      const jobid = await enqueueAs(ann.uri, `insert into own.raced values (${n}); select pg_sleep(${n / 1_000})`);
      jobids.push(jobid);
      await cancel(jobid);
    }
    for (const [n, jobid] of jobids.entries()) {
      const { status } = await untilEnded(db.pool, jobid);
      const { rowCount } = await db.pool.query('select from own.raced where n = $1', [n]);
      expect([status, rowCount]).toEqual(rowCount === 1 ? ['succeeded', 1] : ['canceled', 0]);
    }
  });

  test('the role of another task cannot be cancelled by anybody else', async () => {
    const bob = await db.createRole('bob');
    await db.pool.query(`select lamplighter.grant_caller('${bob.name}')`);
    const jobid = await enqueueAs(ann.uri, 'select pg_sleep(0.5)');
    expect(await cancel(jobid, bob.uri)).toBe(false);
    expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
  });
});
