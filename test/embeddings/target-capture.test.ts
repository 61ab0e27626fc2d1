import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool } from '../../src/db/pool.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { prepareJob } from '../../src/embeddings/prepare-job.ts';
import { startOwnServer } from '../hosts/own-server.ts';
import { migrateAs } from '../support/owned-database.ts';
import { openSession } from '../support/sql-session.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A job whose table has one row in a settled state, and the texts it takes from then on. */
async function settled(
  table: string,
  ddl: string,
  changes?: Parameters<TargetScene['prepare']>[1],
): Promise<PreparedJob> {
  await scene.run(ddl);
  const job = await scene.prepare(table, changes);
  await scene.settle(job);
  return job;
}

describe('keys', () => {
  const long = `repeat('k', 2690)`;
  const cases: readonly [name: string, columns: string, pk: string, values: readonly string[]][] = [
    ['uuid', 'id uuid', 'id', [`'4d2c2e6a-6f0e-4b52-8d1f-0f2a6c1f7a10'`]],
    [
      'text of 2.7 kB, and with quotes, commas and braces',
      'id text',
      'id',
      [long, `'a,"b"\\c{d} e'''`, `'NULL'`, `''`, `'{"x": [1]}'`],
    ],
    ['float8', 'id float8', 'id', ['0.1::float8 + 0.2', `'NaN'`, `'-Infinity'`, '1e-300']],
    [
      'date and timestamp',
      'd date, ts timestamptz',
      'd, ts',
      [`'2026-04-03', '2026-04-03 12:00:00.123456+05'`, `'2026-03-04', 'infinity'`],
    ],
    ['interval and bytea', 'i interval, b bytea', 'i,b', [`'1 mon -3 days 04:05:06.7', '\\x00ff27'`]],
    ['numeric and bool', 'n numeric(20, 5), yes bool', 'n, yes', ['1.50, true', '-3, false']],
    ['char(8) and varchar', 'c char(8), v varchar(5)', 'c, v', [`'ab', 'ab  '`]],
    ['an enum', 'mood mood', 'mood', [`'so "so"'`]],
    ['a domain over an array', 'path way', 'path', [`array['a', null, 'b,c']`]],
    ['a composite type and a range', 'at spot, r int4range', 'at, r', [`row(1, 'x "y"')::spot, '[1,5)'`]],
    ['json, which has no equality', 'j json', 'j', [`'{"a":  1}'`]],
    [
      'columns with hostile names',
      '"a b" int, "q""q" int, "x,y" int, "$1" int',
      '"a b", "q""q", "x,y", "$1"',
      ['1, 2, 3, 4'],
    ],
    ['the names of ours', 'job int, key int, seq int', 'job, key, seq', ['1, 2, 3']],
    ['nothing unique, and nulls', 'a int, b int', 'a, b', ['1, null', '1, null', 'null, null', '1, 2']],
  ];
  test.each(cases)(
    '%s: changes are found, whatever the settings of the session that makes them',
    async (name, columns, pk, values) => {
      const number = cases.findIndex(([other]) => other === name);
      const table = `keyed_${number}`;
      await scene.run(
        `do $$ begin create type mood as enum ('so "so"'); create domain way as text[]; create type spot as (x int, y text); exception when duplicate_object then null; end $$`,
      );
      const job = await settled(table, `create table ${table} (${columns}, body text)`, { pk });
      await using odd = await openSession(scene.db.uri);
      await odd.client.query(
        `set datestyle = 'SQL, DMY'; set extra_float_digits = 0; set intervalstyle = 'sql_standard'; set bytea_output = 'escape';
       set timezone = 'Asia/Kathmandu'; set search_path = pg_catalog; set lc_messages = 'C'`,
      );
      const names = columns.split(/, (?![^(]*\))/).map((column) => /^(?:"(?:[^"]|"")*"|\w+)/.exec(column)?.[0]);
      await odd.client.query(`set search_path = public`);
      for (const [row, value] of values.entries()) {
        await odd.client.query(
          `insert into public.${table} (${names.join(', ')}, body) values (${value}, 'text ${row}')`,
        );
      }
      expect(await scene.logged()).toHaveLength(values.length);
      await scene.drain(job);
      expect(await scene.wrong(table)).toEqual([]);
      await odd.client.query(`update public.${table} set body = body || ' changed'`);
      expect(await scene.logged()).not.toContain(null);
      await scene.drain(job);
      expect(await scene.wrong(table)).toEqual([]);
    },
  );
});

describe("the user's statements", () => {
  test.each(['read committed', 'repeatable read', 'serializable'])('%s: capture costs no error', async (level) => {
    const table = `level_${level.replace(' ', '_')}`;
    const job = await settled(
      table,
      `create table ${table} (id int primary key, body text); insert into ${table} select n, 'a' from generate_series(1, 10) as n`,
    );
    await using first = await openSession(scene.db.uri);
    await using second = await openSession(scene.db.uri);
    for (const [session, row] of [
      [first, 1],
      [second, 2],
    ] as const) {
      await session.client.query(`begin isolation level ${level}; select count(*) from pg_class`);
      await session.client.query(`update ${table} set body = 'b' where id = ${row}`);
    }
    await first.client.query('commit');
    await second.client.query('commit');
    await scene.drain(job);
    expect(await scene.wrong(table)).toEqual([]);
  });

  test('a database whose transactions are serializable by default sees no failure from our claims', async () => {
    await using own = await createTargetScene();
    await own.run(
      `alter database ${pg.escapeIdentifier(own.db.name)} set default_transaction_isolation = 'serializable'`,
    );
    await own.run(`create table strict (id int primary key, body text)`);
    await using user = await openSession(own.db.uri);
    const job = await own.prepare('strict');
    await own.settle(job);
    await user.client.query('begin');
    await user.client.query(`insert into strict values (1, 'one')`);
    await own.run(`insert into strict values (2, 'two')`);
    await own.drain(job);
    await user.client.query(`insert into strict values (3, 'three')`);
    await user.client.query('commit');
    await own.drain(job);
    expect(await own.wrong('strict')).toEqual([]);
  });

  test('a bulk insert passes a temp_file_limit that its rows would not fit in twice', async () => {
    const job = await settled('bulky', 'create table bulky (id int primary key, body text)');
    await using user = await openSession(scene.db.uri);
    await user.client.query(
      `set temp_file_limit = '64kB'; insert into bulky select n, repeat('text ', 100) || n from generate_series(1, 2000) as n`,
    );
    expect((await scene.logged()).length).toBeGreaterThan(0);
    await scene.drain(job);
    expect(await scene.wrong('bulky')).toEqual([]);
  });

  test('a relevant UPDATE of 2,000 rows takes one transaction id', async () => {
    await settled(
      'single',
      `create table single (id int primary key, body text); insert into single select n, 'a' from generate_series(1, 2000) as n`,
    );
    await using user = await openSession(scene.db.uri);
    const xid = async () =>
      Number((await user.client.query('select pg_snapshot_xmax(pg_current_snapshot())::text as xid')).rows[0]?.xid);
    const before = await xid();
    await user.client.query(`update single set body = body || '!'`);
    // Other files take ids of the server meanwhile; a subtransaction for each row would take 2,000.
    expect((await xid()) - before).toBeLessThan(1_000);
    await scene.run(`delete from lamplighter.change`);
  });

  test('COPY, MERGE, ON CONFLICT, a rolled-back savepoint and a stored generated source', async () => {
    const job = await settled(
      'varied',
      `create table varied (id int primary key, title text, body text generated always as (upper(title)) stored);
       insert into varied values (1, 'one')`,
    );
    const [version] = await scene.run(`select current_setting('server_version_num')::int as number`);
    const merge = `merge into varied as t using (values (1, 'eins'), (2, 'zwei')) as s (id, title) on t.id = s.id
      when matched then update set title = s.title when not matched then insert values (s.id, s.title)`;
    const without = `update varied set title = 'eins' where id = 1; insert into varied values (2, 'zwei')`;
    await scene.run(
      `insert into varied values (1, 'x') on conflict (id) do update set title = 'uno';
       ${Number(version?.['number']) >= 150000 ? merge : without};
       begin; savepoint s; insert into varied values (3, 'lost'); rollback to s; insert into varied values (4, 'kept'); commit`,
    );
    expect((await scene.drain(job)).sort()).toEqual(['EINS', 'KEPT', 'ZWEI']);
    expect(await scene.wrong('varied')).toEqual([]);
  });

  test('a text of 1 MB that stays as it is is not read by an unrelated update', async () => {
    const job = await settled(
      'large',
      `create table large (id int primary key, n int, body text); alter table large alter body set storage external;
       insert into large select n, 0, repeat(md5(n::text), 31250) from generate_series(1, 3) as n`,
    );
    const [version] = await scene.run(`select current_setting('server_version_num')::int as number`);
    await using user = await openSession(scene.db.uri);
    // Reads of the texts themselves: blocks of the TOAST table.
    const read = async () => {
      await user.client.query('select pg_stat_force_next_flush()');
      const { rows } = await user.client.query(
        `select toast_blks_hit + toast_blks_read as blocks from pg_statio_all_tables where relname = 'large'`,
      );
      return Number(rows[0]?.blocks);
    };
    const canTell = Number(version?.['number']) >= 170000;
    const before = canTell ? await read() : 0;
    await user.client.query('update large set n = n + 1');
    if (canTell) expect((await read()) - before).toBeLessThan(100);
    expect(await scene.logged()).toEqual([]);
    await scene.run(`update large set body = body || '!' where id = 2`);
    expect((await scene.drain(job)).map(({ length }) => length)).toEqual([1_000_001]);
  });

  test('PREPARE TRANSACTION passes where it is allowed, as capture does not notify there', async () => {
    await using server = await startOwnServer({ settings: { max_prepared_transactions: '5' } });
    await migrateAs(server.uri);
    const pool = createPool(resolveConnection({ uri: server.uri }, {}));
    await using user = await openSession(server.uri);
    await user.client.query('create table prepared (id int primary key, body text)');
    await prepareJob(pool, scene.spec('prepared'));
    await user.client.query(`select lamplighter.request_wake_up('embeddings')`);
    await user.client.query(`begin; insert into prepared values (1, 'one'); prepare transaction 'p'`);
    await user.client.query(`commit prepared 'p'`);
    expect((await user.client.query('select key::text from lamplighter.change')).rows).toEqual([{ key: '{1}' }]);
    await pool.end();
  });

  test('a change wakes those who asked, once, and nobody else', async () => {
    const job = await settled('waking', 'create table waking (id int primary key, body text)');
    await using listener = await openSession(scene.db.uri);
    const heard: string[] = [];
    listener.client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.client.query('listen lamplighter_wake');
    await scene.run(`insert into waking values (1, 'one')`);
    await listener.client.query(`select lamplighter.request_wake_up('embeddings')`);
    await scene.run(`insert into waking select n, 'text' from generate_series(2, 50) as n`);
    await listener.client.query('select 1');
    expect(heard).toEqual([expect.stringMatching(/^embeddings:\d+$/)]);
    await scene.drain(job);
    await scene.run('update lamplighter.waiting set is_waiting = false');
  });
});

describe('the limit of the change log', () => {
  test('beyond it each transaction leaves one marker, also after a savepoint, and the log is used again once it is worked off', async () => {
    await using own = await createTargetScene();
    await own.run('create table flooded (id text primary key, body text)');
    const job = await own.prepare('flooded', { captureLimitBytes: 100_000 });
    await own.settle(job);
    await own.run(`insert into flooded select 'n' || n, 'text' from generate_series(1, 5000) as n`);
    const logged = await own.logged();
    expect(logged.length).toBeLessThan(2_100);
    expect(logged.filter((key) => key === null)).toHaveLength(1);
    await own.run(
      `begin; update flooded set body = 'a' where id = 'n1'; savepoint s; update flooded set body = 'b' where id = 'n2'; rollback to s;
       update flooded set body = 'c' where id = 'n3'; commit`,
    );
    await own.run(
      `begin; savepoint s; update flooded set body = 'd' where id = 'n4'; rollback to s; update flooded set body = 'e' where id = 'n5'; commit`,
    );
    expect((await own.logged()).filter((key) => key === null)).toHaveLength(3);
    await own.drain(job);
    expect(await own.run('select is_pass_due from lamplighter.embedding_progress')).toEqual([{ is_pass_due: true }]);
    await own.settle(await own.prepare('flooded', { captureLimitBytes: 100_000 }));
    expect(await own.wrong('flooded')).toEqual([]);
    await own.run(`update flooded set body = 'new' where id = 'n7'`);
    expect(await own.logged()).toEqual(['{n7}']);
  });
});
