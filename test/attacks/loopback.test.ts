import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession, untilBlocked } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createScene, type Scene } from './attacker.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await createScene();
  await scene.database.pool.query('create extension dblink schema public');
  const { hostname, port, username, password, pathname } = new URL(scene.logins.owner.uri);
  const parts = { host: hostname, port, user: username, password, dbname: pathname.slice(1) };
  const dsn = Object.entries(parts).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}='${decodeURIComponent(value)}'`],
  );
  await scene.migrateAs(scene.logins.owner, { loopbackDsn: dsn.join(' ') });
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(() =>
  scene.database.pool.query('delete from public.steadytext_queue; delete from lamplighter.autonomous_request'),
);

const enqueue = async (session: pg.Client, text = 'x') =>
  (await session.query<{ id: string }>('select public.steadytext_embed_async($1) as id', [text])).rows[0]?.id ?? '';
const send = async (session: pg.Client, id: string) =>
  (await session.query<{ id: string }>('select lamplighter.send_autonomous($1) as id', [id])).rows[0]?.id ?? '';
const listAll = async () =>
  (
    await scene.database.pool.query(
      'select username, status, batch_id, parameters from public.steadytext_queue order by id',
    )
  ).rows;
const cancelAbandoned = () => scene.sessions.worker.query(loadQuery('cancel_abandoned'));

test('functions that look like dblink are not given the connection', async () => {
  const { a, b } = scene.sessions;
  await a.query(`create table own_a.heard (dsn text); grant insert on own_a.heard to public`);
  for (const [first, second] of [
    ['text', 'varchar'],
    ['varchar', 'text'],
    ['text', 'name'],
    ['varchar', 'varchar'],
    ['text', 'json'],
  ]) {
    await a.query(`
      create function public.dblink(${first}, ${second}) returns setof record language sql volatile security definer as $$
        insert into own_a.heard values ($1::text);
        select gen_random_uuid()
      $$`);
  }
  await b.query('begin');
  await send(b, await enqueue(b));
  await b.query('commit');
  expect((await a.query('select from own_a.heard')).rows).toEqual([]);
});

test('copies that a caller sends over and over are in its own name, count as its own, and end with its transaction', async () => {
  const { a } = scene.sessions;
  await a.query('begin');
  const id = await enqueue(a);
  for (let n = 0; n < 20; n += 1) await send(a, id);
  await a.query('rollback');
  expect(await listAll()).toEqual(
    Array.from({ length: 20 }, () =>
      expect.objectContaining({ username: scene.names.a, status: 'pending', batch_id: id }),
    ),
  );
  await cancelAbandoned();
  expect(new Set((await listAll()).map(({ status }) => status))).toEqual(new Set(['cancelled']));
  expect((await scene.database.pool.query('select from lamplighter.autonomous_request')).rows).toEqual([]);
});

test('the limit on the queue holds for copies', async () => {
  const { a, owner } = scene.sessions;
  await owner.query(`select lamplighter.set('max_queue_size', '3')`);
  try {
    await a.query('begin');
    const id = await enqueue(a);
    let sent = 0;
    const refusal = await (async () => {
      for (; sent < 10; sent += 1) await send(a, id);
    })().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: '53400' });
    expect(sent).toBeLessThanOrEqual(3);
  } finally {
    await a.query('rollback');
    await owner.query(`select lamplighter.set('max_queue_size', null)`);
  }
});

test.each([
  ['standard_conforming_strings = off', `it's \\ 'quoted' \\' E'' %L $1 '); drop schema lamplighter; --`],
  [`client_encoding = 'LATIN1'`, `naïve "é" \\u0001 \\\\`],
  ['quote_all_identifiers = on', '"); select 1; --'],
])('the text arrives as it was under %s', async (setting, text) => {
  const { a } = scene.sessions;
  await a.query('begin');
  const id = await enqueue(a, text);
  await a.query(`set escape_string_warning = off; set ${setting}`);
  await send(a, id);
  await a.query('rollback; reset all');
  expect((await listAll()).map(({ parameters }) => parameters.text_input)).toEqual([text]);
});

describe('another role in the same transaction', () => {
  test('cannot wait for, send or take over the request of the role before in its own name', async () => {
    const { database, names, sessions } = scene;
    const { stranger } = sessions;
    await database.pool.query(`grant ${names.a}, ${names.b} to ${names.stranger}`);
    try {
      await stranger.query(`begin; set local role ${names.a}`);
      const id = await enqueue(stranger);
      await stranger.query(`set local role ${names.b}; savepoint before`);
      const refusal = await sqlErrorOf(stranger, 'select public.steadytext_get_async_result($1, 1)', [id]);
      expect(refusal.message).toBe(`Request ID ${id} not found`);
      await stranger.query('rollback to before');
      await send(stranger, id);
      await stranger.query('commit');
      expect(new Set((await listAll()).map(({ username }) => username))).toEqual(new Set([names.a]));
    } finally {
      await stranger.query('rollback');
      await database.pool.query(`revoke ${names.a}, ${names.b} from ${names.stranger}`);
    }
  });
});

test("whoever takes a caller's lock over keeps the copy from being cancelled, and gets nothing else for it", async () => {
  const { a, b } = scene.sessions;
  await a.query('begin');
  const id = await enqueue(a);
  const copy = await send(a, id);
  await using thief = await openSession(scene.logins.stranger.uri);
  const { rows } = await scene.database.pool.query('select lamplighter.autonomous_lock_key($1) as key', [copy]);
  const taken = thief.client.query('select pg_advisory_lock($1)', [rows[0]?.key]);
  await untilBlocked(scene.database.pool, thief);
  await a.query('rollback');
  await taken;
  await enqueue(b);
  await cancelAbandoned();
  expect((await listAll()).map(({ username, status }) => [username, status])).toEqual([
    [scene.names.a, 'pending'],
    [scene.names.b, 'pending'],
  ]);
  const worker = await startSqlWorker(scene.sessions.worker);
  expect(await worker.answer('[1]')).toBe(2);
  expect((await thief.client.query('select pg_advisory_unlock_all()')).rowCount).toBe(1);
  await cancelAbandoned();
  expect((await scene.database.pool.query('select from lamplighter.autonomous_request')).rows).toEqual([]);
});
