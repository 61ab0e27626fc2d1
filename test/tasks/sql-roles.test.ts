import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createStage, type SqlTaskWorker, type Stage } from './sql-stage.ts';

let stage: Stage;
let worker: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  worker = await stage.startWorker();
});

const admin = () => stage.cast.database.pool;
const settle = async () =>
  (await stage.cast.sessions.worker.query<{ count: number }>('select lamplighter.settle_stray_tasks() as count'))
    .rows[0]?.count;

/** A role with a grant that has queued a task. */
async function roleWithTask(name: string): Promise<{ role: string; jobid: string; session: pg.Client }> {
  const role = await stage.cast.database.createRole(name);
  await stage.cast.migrateAs(stage.cast.logins.owner, { grant: [role.name] });
  const session = await stage.open(role.uri);
  return { role: role.name, jobid: await stage.queue(session, 'select 1'), session };
}

test('a role that queued tasks can be dropped; what it had queued ends canceled', async () => {
  const { role, jobid, session } = await roleWithTask('leaver');
  await session.end();
  await admin().query(`drop owned by ${role}`);
  expect(await settle()).toBe(0);
  await admin().query(`drop role ${role}`);
  expect(await worker.claim()).toEqual([]);
  expect(await settle()).toBe(1);
  expect(await stage.task(jobid)).toMatchObject({ status: 'canceled', error_message: 'Role dropped' });
});

test("a role that was made again under the name runs nothing of its predecessor's, and sees its rows", async () => {
  const { role, jobid, session } = await roleWithTask('reborn');
  await session.end();
  await admin().query(`drop owned by ${role}`);
  await admin().query(`drop role ${role}`);
  await admin().query(`create role ${role} login password 'x'`);
  expect(await worker.claim()).toEqual([]);
  expect(await settle()).toBe(1);
  const notes = (await stage.cast.migrateAs(stage.cast.logins.owner, { grant: [role] })).notes;
  expect(notes.join('\n')).toContain(`tasks: 1`);
  const again = await stage.open(stage.cast.database.uriFor(role, 'x'));
  expect((await again.query('select jobid, error_message from lantern.tasks')).rows).toEqual([
    { jobid, error_message: 'Role dropped' },
  ]);
});

test('what a renamed role had queued ends failed, with both names', async () => {
  const { role, jobid, session } = await roleWithTask('maiden');
  await session.end();
  await admin().query(`alter role ${role} rename to ${role}_name`);
  expect(await worker.claim()).toEqual([]);
  expect(await settle()).toBe(1);
  expect(await stage.task(jobid)).toMatchObject({
    status: 'failed',
    error_message: `role "${role}" was renamed to "${role}_name"`,
  });
  await admin().query(`drop owned by ${role}_name`);
  await admin().query(`drop role ${role}_name`);
});

test('in a copy of the database nothing of what was queued runs a second time', async () => {
  const { jobid } = await roleWithTask('copied');
  await admin().query(`update lamplighter.task_run set origin = '1/2'`);
  expect(await worker.claim()).toEqual([]);
  expect(await settle()).toBe(1);
  expect(await stage.task(jobid)).toMatchObject({
    status: 'failed',
    error_message: 'the task was queued in another database, of which this one is a copy',
  });
});

test('what runs, or is in order, is nothing that settle_stray_tasks would end', async () => {
  await stage.queue(stage.cast.sessions.a, 'select 1');
  await worker.claimOne();
  await stage.queue(stage.cast.sessions.b, 'select 1');
  expect(await settle()).toBe(0);
});

test('what a grant gives, revoke_role takes back whole', async () => {
  const { role, session } = await roleWithTask('guest');
  await stage.cast.sessions.owner.query('select lamplighter.revoke_role($1)', [role]);
  const { rows } = await admin().query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relnamespace in ('lantern'::regnamespace, 'lamplighter'::regnamespace) and c.relkind in ('r', 'v')
       and (has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            or has_any_column_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
     union all
     select p.oid::regprocedure::text from pg_proc as p
     where p.pronamespace in ('lantern'::regnamespace, 'lamplighter'::regnamespace) and has_function_privilege($1, p.oid, 'EXECUTE')
     union all
     select n.nspname from pg_namespace as n where n.nspname in ('lantern', 'lamplighter') and has_schema_privilege($1, n.oid, 'USAGE')`,
    [role],
  );
  expect(rows).toEqual([]);
  await expect(stage.queue(session, 'select 1')).rejects.toMatchObject({ code: '42501' });
});
