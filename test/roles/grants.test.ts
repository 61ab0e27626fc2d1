import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createOwner, migrateAs } from './cast.ts';

let database: TestDatabase;
let owner: TestRole;

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
  owner = await createOwner(database);
  await migrateAs(owner);
});
afterAll(() => database[Symbol.asyncDispose]());

async function runAs<T>(role: TestRole, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: role.uri, application_name: 'lamplighter test role' });
  await session.connect();
  return work(session).finally(() => session.end());
}

const enqueue = (role: TestRole) =>
  runAs(role, (session) => session.query(`select public.steadytext_embed_async('x')`));
const countSeen = (role: TestRole) =>
  runAs(role, async (session) => (await session.query('select from public.steadytext_queue')).rows.length);
const refusalOf = (role: TestRole) =>
  runAs(role, async (session) => (await sqlErrorOf(session, `select public.steadytext_embed_async('x')`)).code);

describe('a role is granted by its very name', () => {
  test.each(['UPPER Case', 'qu"ot\'ed; drop', 'ünïcödé 🕯', 'select', '%I %s $1'])('%s', async (suffix) => {
    const role = await database.createRole(suffix);
    await migrateAs(owner, { grant: [role.name], grantWorker: [role.name] });
    await enqueue(role);
    expect(await countSeen(role)).toBe(1);
    const claimable = await runAs(role, (session) =>
      session.query(`select * from lamplighter.list_ready('{embed}', '{default}', 1)`),
    );
    expect(claimable.rows.map((row: { username: string }) => row.username)).toContain(role.name);
  });

  test('and not in another spelling', async () => {
    const role = await database.createRole('Spelling');
    await expect(migrateAs(owner, { grant: [role.name.toLowerCase()] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(await refusalOf(role)).toBe('42501');
  });

  test('and not by as much of a name as PostgreSQL keeps', async () => {
    const prefix = `${database.name}_`;
    const role = await database.createRole('x'.repeat(63 - prefix.length));
    await expect(migrateAs(owner, { grant: [`${role.name}xxx`] })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await refusalOf(role)).toBe('42501');
  });

  test.each(['public', 'none', 'current_user', 'session_user', 'nobody_of_that_name'])('and never %s', async (name) => {
    await expect(migrateAs(owner, { grant: [name] })).rejects.toThrow(/does not exist|expected the name of a role/);
    await expect(migrateAs(owner, { grantWorker: [name] })).rejects.toThrow(
      /does not exist|expected the name of a role/,
    );
    const stranger = await database.createRole();
    expect(await refusalOf(stranger)).toBe('42501');
  });

  test('and a refused grant leaves nothing of a migration that goes with it', async () => {
    const role = await database.createRole();
    await expect(migrateAs(owner, { grant: [role.name, 'nobody_of_that_name'] })).rejects.toThrow();
    expect(await refusalOf(role)).toBe('42501');
  });
});

describe('a further migration', () => {
  test('grants callers and workers what it adds', async () => {
    const [caller, worker] = [await database.createRole(), await database.createRole()];
    await migrateAs(owner, { grant: [caller.name], grantWorker: [worker.name] });
    await runAs(owner, async (session) => {
      await session.query(`revoke execute on function public.steadytext_prune(interval) from ${caller.name}`);
      await session.query(`revoke execute on function lamplighter.measure_queue() from ${worker.name}`);
    });
    await migrateAs(owner);
    await runAs(caller, (session) => session.query(`select public.steadytext_prune('1 day')`));
    await runAs(worker, (session) => session.query('select lamplighter.measure_queue()'));
  });

  test('does not give back what was taken back', async () => {
    const role = await database.createRole();
    await migrateAs(owner, { grant: [role.name], grantWorker: [role.name] });
    await runAs(owner, (session) => session.query('select lamplighter.revoke_role($1)', [role.name]));
    await migrateAs(owner);
    expect(await refusalOf(role)).toBe('42501');
    await database.pool.query(`drop role ${role.name}`);
  });

  test('gives nothing to a role that was dropped and made again', async () => {
    const role = await database.createRole('again');
    await migrateAs(owner, { grant: [role.name] });
    await enqueue(role);
    await database.pool.query(`drop owned by ${role.name}; drop role ${role.name}`);
    const again = await database.createRole('again');
    await migrateAs(owner);
    expect(await refusalOf(again)).toBe('42501');

    // Once it is granted again, it is the role of that name.
    const { notes } = await migrateAs(owner, { grant: [again.name] });
    expect(notes).toEqual([
      `The role ${again.name} now sees what a role of that name queued earlier (requests: 1, tasks: 0). If that was somebody else, delete it: ` +
        `DELETE FROM steadytext_queue WHERE username = '${again.name}'; DELETE FROM lantern.tasks WHERE username = '${again.name}'`,
    ]);
    expect((await migrateAs(owner, { grant: [again.name] })).notes).toEqual([]);
  });

  test('goes on granting a role that was renamed, and nothing to a new one of the old name', async () => {
    const role = await database.createRole('old');
    await migrateAs(owner, { grant: [role.name] });
    await enqueue(role);
    const renamed = `${database.name}_renamed`;
    await database.pool.query(`alter role ${role.name} rename to ${renamed}; alter role ${renamed} password 'p'`);
    const newcomer = await database.createRole('old');
    await runAs(owner, (session) =>
      session.query(`revoke execute on function public.steadytext_prune(interval) from ${renamed}`),
    );
    await migrateAs(owner);
    const asRenamed = { name: renamed, uri: database.uriFor(renamed, 'p') };
    expect(await refusalOf(newcomer)).toBe('42501');
    // Requests go by name: the renamed role no longer sees those of before, nor does anybody but the owner.
    expect(await countSeen(asRenamed)).toBe(0);
    await runAs(asRenamed, (session) => session.query(`select public.steadytext_prune('1 day')`));
    await database.pool.query(`drop owned by ${renamed}; drop role ${renamed}`);
  });
});
