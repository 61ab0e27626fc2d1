import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { type Cast, createCast, type RoleName } from './cast.ts';

const ALL = ['a', 'as_a', 'b', 'member', 'owner'];
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());

beforeEach(async () => {
  await cast.database.pool.query('delete from public.steadytext_queue');
  for (const role of ['owner', 'a', 'asA', 'b', 'member'] as const) {
    await cast.sessions[role].query('select public.steadytext_embed_async($1)', [role]);
  }
});

/** The text that `role` queued in beforeEach. */
async function idOf(role: RoleName): Promise<string> {
  const { rows } = await cast.database.pool.query<{ request_id: string }>(
    `select request_id from public.steadytext_queue where parameters->>'text_input' = $1`,
    [role],
  );
  return rows[0]?.request_id ?? '';
}

async function setStatus(role: RoleName, status: string): Promise<string> {
  const id = await idOf(role);
  await cast.database.pool.query(
    `update public.steadytext_queue set status = $2, result = '[1]', completed_at = now() - interval '1 day' where request_id = $1`,
    [id, status],
  );
  return id;
}

async function stateOf(id: string): Promise<unknown> {
  const { rows } = await cast.database.pool.query('select * from public.steadytext_queue where request_id = $1', [id]);
  return rows[0];
}

/** Who queued the rows that come back, without the database's name before it. */
async function ownersOf(role: RoleName, query: string): Promise<string[]> {
  const { rows } = await cast.sessions[role].query<{ owner: string }>(query);
  return rows.map(({ owner }) => owner.replace(`${cast.database.name}_`, '')).sort();
}

describe('a role sees its own requests and the owner sees all', () => {
  test.each<[RoleName, string[]]>([
    ['superuser', ['a', 'a', 'b', 'member', 'owner']],
    ['owner', ['a', 'a', 'b', 'member', 'owner']],
    ['a', ['a', 'a']],
    ['asA', ['a', 'a']],
    ['b', ['b']],
    ['member', ['member']],
  ])('%s', async (role, expected) => {
    expect(await ownersOf(role, 'select username as owner from public.steadytext_queue')).toEqual(expected);
    const { rows } = await cast.sessions[role].query(
      'select function_name, pending from public.steadytext_queue_stats()',
    );
    expect(rows).toEqual([{ function_name: 'embed', pending: String(expected.length) }]);
  });
});

describe('a request of another role is as good as unknown to', () => {
  test('steadytext_check_async', async () => {
    const { rows } = await cast.sessions.a.query('select * from public.steadytext_check_async($1)', [await idOf('b')]);
    expect(rows).toEqual([]);
  });

  test('steadytext_check_async_batch', async () => {
    const ids = [await idOf('a'), await idOf('b'), await idOf('owner')];
    const { rows } = await cast.sessions.a.query('select request_id from public.steadytext_check_async_batch($1)', [
      ids,
    ]);
    expect(rows).toEqual([{ request_id: ids[0] }]);
  });

  test.each(['steadytext_get_async_result', 'steadytext_embedding'])('%s', async (name) => {
    const id = await setStatus('b', 'completed');
    const ofOther = await sqlErrorOf(cast.sessions.a, `select public.${name}($1)`, [id]);
    const ofNobody = await sqlErrorOf(cast.sessions.a, `select public.${name}($1)`, [UNKNOWN_ID]);
    expect(ofOther).toEqual({ ...ofNobody, message: ofNobody.message.replace(UNKNOWN_ID, id) });
  });

  test.each([
    ['steadytext_cancel_async', 'pending'],
    ['steadytext_cancel_async', 'processing'],
    ['steadytext_retry', 'failed'],
  ])('%s of a %s one', async (name, status) => {
    const id = await setStatus('b', status);
    const before = await stateOf(id);
    const { rows } = await cast.sessions.a.query(`select public.${name}($1) as done`, [id]);
    expect(rows).toEqual([{ done: false }]);
    expect(await stateOf(id)).toEqual(before);
  });

  test('steadytext_prune', async () => {
    const ids = await Promise.all((['a', 'b', 'owner'] as const).map((role) => setStatus(role, 'completed')));
    const { rows } = await cast.sessions.a.query(`select public.steadytext_prune('1 hour') as pruned`);
    expect(rows).toEqual([{ pruned: '1' }]);
    expect(await Promise.all(ids.map(stateOf))).toEqual([undefined, expect.anything(), expect.anything()]);
  });

  test.each([
    ['DELETE', 'delete from public.steadytext_queue where request_id = $1'],
    ['UPDATE', `update public.steadytext_queue set status = 'cancelled' where request_id = $1`],
    [
      'UPDATE without a condition',
      `update public.steadytext_queue set status = 'cancelled' where $1::uuid is not null`,
    ],
    ['SELECT FOR UPDATE', 'select from public.steadytext_queue where request_id = $1 for update nowait'],
  ])('%s', async (_name, statement) => {
    const id = await idOf('b');
    const before = await stateOf(id);
    await cast.sessions.b.query('begin');
    await cast.sessions.b.query('select from public.steadytext_queue for update');
    const touched = await cast.sessions.a.query(statement, [id]).finally(() => cast.sessions.b.query('rollback'));
    expect(touched.rowCount).toBe(statement.includes('$1::uuid') ? 2 : 0);
    expect(await stateOf(id)).toEqual(before);
  });
});

test('the owner cancels, retries and deletes the requests of others', async () => {
  const { owner } = cast.sessions;
  const done = async (name: string, id: string) =>
    (await owner.query(`select public.${name}($1) as done`, [id])).rows[0]?.done;
  expect(await done('steadytext_cancel_async', await idOf('a'))).toBe(true);
  expect(await done('steadytext_retry', await setStatus('b', 'failed'))).toBe(true);
  expect((await owner.query('delete from public.steadytext_queue')).rowCount).toBe(ALL.length);
});

test('a login that did SET ROLE A cancels what A queued, and A what it queued', async () => {
  const { a, asA } = cast.sessions;
  const cancel = 'select public.steadytext_cancel_async($1) as done';
  expect((await asA.query(cancel, [await idOf('a')])).rows).toEqual([{ done: true }]);
  expect((await a.query(cancel, [await idOf('asA')])).rows).toEqual([{ done: true }]);
});

test('row_security = off is an error for a caller and changes nothing for the owner', async () => {
  for (const role of ['a', 'asA', 'member'] as const) {
    await cast.sessions[role].query('set row_security = off');
    const select = await sqlErrorOf(cast.sessions[role], 'select from public.steadytext_queue');
    const enqueue = await sqlErrorOf(cast.sessions[role], `select public.steadytext_embed_async('x')`);
    await cast.sessions[role].query('reset row_security');
    expect([select.code, enqueue.code]).toEqual(['42501', '42501']);
  }
  await cast.sessions.owner.query('set row_security = off');
  const { rows } = await cast.sessions.owner.query('select from public.steadytext_queue');
  await cast.sessions.owner.query('reset row_security');
  expect(rows).toHaveLength(ALL.length);
});

describe("nothing of another role's rows shows in", () => {
  test('a function of its own that costs nothing, in the condition', async () => {
    const { a } = cast.sessions;
    await a.query(`
      create temp table seen (username text);
      create function pg_temp.note(username text) returns boolean language plpgsql cost 0.0000001 as $$
      begin
        insert into pg_temp.seen values (username);
        return true;
      end
      $$;
      select from public.steadytext_queue where pg_temp.note(username) and 1 / (priority + 1) > 0;
      delete from public.steadytext_queue where pg_temp.note(username) and priority > 100;
    `);
    expect(new Set(await ownersOf('a', 'select username as owner from pg_temp.seen'))).toEqual(new Set(['a']));
  });

  test('the statistics', async () => {
    await cast.database.pool.query('analyze public.steadytext_queue');
    const inStatistics = `select attname as owner from pg_stats where tablename = 'steadytext_queue'`;
    expect((await ownersOf('owner', inStatistics)).length).toBeGreaterThan(0);
    expect(await ownersOf('a', inStatistics)).toEqual([]);
  });

  test('what COPY writes', async () => {
    const { a } = cast.sessions;
    const chunks: Buffer[] = [];
    const collect = ({ chunk }: { chunk: Buffer }) => chunks.push(chunk);
    a.connection.on('copyData', collect);
    await a.query('copy public.steadytext_queue (username) to stdout');
    a.connection.off('copyData', collect);
    expect(Buffer.concat(chunks).toString()).toBe(`${cast.names.a}\n`.repeat(2));
  });

  test('a view that another role made', async () => {
    const { b } = cast.sessions;
    await cast.database.pool.query(`create schema views; grant all on schema views to public`);
    await b.query('create view views.all_requests as select username as owner from public.steadytext_queue');
    await b.query(`grant select on views.all_requests to ${cast.names.a}`);
    expect(await ownersOf('a', 'select owner from views.all_requests')).toEqual(['a', 'a']);
  });
});

test('COPY FROM is refused, as row-level security cannot be applied to it', async () => {
  const error = await sqlErrorOf(cast.sessions.a, 'copy public.steadytext_queue (function_name) from stdin');
  expect(error.code).toBe('0A000');
});
