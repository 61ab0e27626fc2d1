import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { queueTask, type Runner, startRunner } from './run-stage.ts';

/** Of a role whose sessions end at any error, by its own setting. */
let db: TestDatabase;
let ann: TestRole;
let runner: Runner;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query('select lamplighter.grant_caller($1)', [ann.name]);
  await db.pool.query(`
    create table t (a int);
    alter table t owner to "${ann.name}";
    alter role "${ann.name}" set exit_on_error = on`);
  runner = await startRunner({ pool: db.pool, uri: ann.uri });
});
beforeEach(() => db.pool.query('truncate t'));
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

test.each([
  ['insert into t values (1)', { status: 'succeeded', guarantee: 'exactly once', error: null }],
  ['vacuum t', { status: 'succeeded', guarantee: 'at most once', tag: 'VACUUM' }],
  ['set lock_timeout = 0; vacuum t', { status: 'succeeded', guarantee: 'at most once', tag: 'VACUUM' }],
  ['insert into t values (2); select 1 / 0', { status: 'failed', error: 'ERROR:  division by zero\n' }],
  [
    'set exit_on_error = on; insert into t values (2); select 1 / 0',
    { status: 'failed', error: 'FATAL:  division by zero\n' },
  ],
])('%s', async (text, expected) => {
  expect(await runner.settle(await queueTask(ann.uri, text, 'set exit_on_error = off'))).toMatchObject({
    ...expected,
    attempts: 1,
  });
  expect((await db.pool.query('select a from t')).rows).toEqual(text === 'insert into t values (1)' ? [{ a: 1 }] : []);
});
