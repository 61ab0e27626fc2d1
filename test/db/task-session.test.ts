import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendCancel } from '../../src/db/cancel-query.ts';
import { type ConnectionSettings, resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { openTaskSession, type TaskSession } from '../../src/db/task-session/task-session.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { pgbouncer, startPgbouncer } from './pgbouncer.ts';
import { startProxy } from './wire-proxy.ts';

let db: TestDatabase;
let role: TestRole;
let settings: ConnectionSettings;
let session: TaskSession;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  role = await db.createRole('ann');
  await db.pool.query(`alter role "${role.name}" set statement_timeout = '50ms'`);
  settings = resolveConnection({ uri: role.uri }, {});
  session = await openTaskSession(settings);
});
afterAll(async () => {
  await session.end();
  await db[Symbol.asyncDispose]();
});

const sleeping = (pid: number) =>
  eventually(async () => {
    const { rows } = await db.pool.query(
      "select from pg_stat_activity where pid = $1 and state = 'active' and wait_event = 'PgSleep'",
      [pid],
    );
    expect(rows).toHaveLength(1);
  });

const gone = (pid: number, timeoutMs = 10_000) =>
  eventually(
    async () => {
      const { rows } = await db.pool.query('select from pg_stat_activity where pid = $1', [pid]);
      expect(rows).toHaveLength(0);
    },
    { timeoutMs },
  );

describe('a session for a task', () => {
  test('says what it is, as pg_stat_activity does', async () => {
    const { rows } = await db.pool.query(
      `select pid, usename as "sessionUser", usesysid::int as "roleOid", datname as database, application_name as name,
         to_jsonb(backend_start) as "backendStart", to_jsonb(pg_postmaster_start_time()) as "postmasterStart"
       from pg_stat_activity where usename = $1`,
      [role.name],
    );
    const { name, ...facts } = rows[0];
    expect(session.facts).toMatchObject({ ...facts, ownRole: 'none', isReadOnlyByDefault: false, isDirect: true });
    expect(name).toBe('lamplighter task');
  });

  test('keeps its settings when the text resets all of them', async () => {
    await using other = disposable(await openTaskSession(settings));
    await other.session.run('reset all');
    await other.session.run('discard all');
    const rows = await other.session.query(
      "select name, setting from pg_settings where name ~ '(statement|lock|session|transaction)_timeout$' or name ~ 'check_interval'",
    );
    expect(Object.fromEntries(rows.map((row) => [row['name'], row['setting']]))).toMatchObject({
      client_connection_check_interval: '1000',
      idle_in_transaction_session_timeout: '0',
      idle_session_timeout: '0',
      lock_timeout: '0',
      statement_timeout: '0',
    });
  });

  test('gives tag, number of rows and state of the transaction after a text', async () => {
    expect(await session.run('select 1; select generate_series(1, 5)')).toEqual({
      kind: 'done',
      commandTag: 'SELECT 5',
      rowCount: 5,
      transaction: 'none',
    });
    expect(await session.run('begin; create temp table t (a int)')).toEqual({
      kind: 'done',
      commandTag: 'CREATE TABLE',
      transaction: 'open',
    });
    expect(await session.run('insert into t values (1), (2)')).toMatchObject({ commandTag: 'INSERT 0 2', rowCount: 2 });
    expect(await session.run('explain select 1')).toMatchObject({ commandTag: 'EXPLAIN', rowCount: 1 });
    expect(await session.run('select 1/0')).toMatchObject({ kind: 'error', transaction: 'failed' });
    expect(await session.run('rollback')).toMatchObject({ commandTag: 'ROLLBACK', transaction: 'none' });
    expect(await session.run(' ; -- nothing')).toEqual({ kind: 'done', transaction: 'none' });
  });

  test('gives all that the server says of an error', async () => {
    const end = await session.run(
      "do $$ begin raise exception 'bad %', 1 using errcode = '25001', detail = 'd', hint = 'h'; end $$",
    );
    expect(end).toMatchObject({
      kind: 'error',
      error: {
        code: '25001',
        isFatal: false,
        fields: {
          severity: 'ERROR',
          localSeverity: 'ERROR',
          message: 'bad 1',
          detail: 'd',
          hint: 'h',
          context: 'PL/pgSQL function inline_code_block line 1 at RAISE',
          routine: 'exec_stmt_raise',
        },
      },
    });
    expect(await session.run('select pg_sleep(haha)')).toMatchObject({ error: { fields: { position: 17 } } });
    expect(await session.run("do $$ begin execute 'select haha'; end $$")).toMatchObject({
      error: { fields: { internalPosition: 8, internalQuery: 'select haha' } },
    });
  });

  test.each(['copy (select 1) to stdout', 'create temp table c (a int); copy c from stdin'])(
    'takes no part in %s',
    async (text) => {
      expect(await session.run(text)).toEqual({ kind: 'copy', transaction: 'none' });
      expect(await session.query('select 1 as a')).toEqual([{ a: '1' }]);
    },
  );

  test('reads an error in the encoding that the text has just chosen', async () => {
    await using other = disposable(await openTaskSession(settings));
    const end = await other.session.run("set client_encoding = latin1; select 'ü' from nosuchü");
    expect(end).toMatchObject({ error: { message: 'relation "nosuchü" does not exist' } });
    expect(await other.session.run('set client_encoding = win1251')).toMatchObject({ kind: 'done' });
    expect(await other.session.run("do $$ begin raise exception '%', chr(1078); end $$")).toMatchObject({
      error: { message: 'ж' },
    });
  });

  test('parameters do not show in pg_stat_activity, and values come as text', async () => {
    const rows = await session.query(
      'select query, $1::text as secret, $2::bytea = $3::bytea as same, null as nothing from pg_stat_activity where pid = pg_backend_pid()',
      ['hidden', Buffer.from([0, 255, 39]), '\\x00ff27'],
    );
    expect(rows).toEqual([
      { query: expect.not.stringContaining('hidden'), secret: 'hidden', same: 't', nothing: undefined },
    ]);
  });

  test('is terminated with the words of the server, and takes nothing more', async () => {
    const other = await openTaskSession(settings);
    const end = other.run('select pg_sleep(60)');
    await sleeping(other.facts.pid);
    await db.pool.query('select pg_terminate_backend($1)', [other.facts.pid]);
    expect(await end).toMatchObject({ kind: 'lost', fatal: { code: '57P01', isFatal: true } });
    expect(other.isOpen).toBe(false);
    expect(await other.run('select 1')).toMatchObject({ kind: 'lost' });
    await expect(other.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test('cut, it ends lost without a word, and its backend within seconds', async () => {
    const other = await openTaskSession(settings);
    const end = other.run('select pg_sleep(60)');
    await sleeping(other.facts.pid);
    other.destroy();
    expect(await end).toEqual({ kind: 'lost' });
    await gone(other.facts.pid, 4_000);
  });

  test('a statement of ours without an answer cuts the session', async () => {
    const other = await openTaskSession(settings, { queryTimeoutMs: 300 });
    await expect(other.query('select pg_sleep(60)')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await gone(other.facts.pid);
  });

  test('is refused where the role cannot log in, with the reason', async () => {
    await expect(openTaskSession({ ...settings, user: 'nobody_here' })).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
  });
});

describe.skipIf(pgbouncer === undefined)('through PgBouncer, a session for a task', () => {
  test('is refused where transactions share server sessions', async () => {
    await using pooler = await startPgbouncer(resolveConnection({ uri: db.uri }, {}), 'transaction');
    await expect(openTaskSession(pooler.settings)).rejects.toMatchObject({
      code: 'CONNECTION_REFUSED',
      message: expect.stringContaining('--direct-uri'),
    });
  });

  test('has its settings by SET where the pooler takes none at login, and no key of the server', async () => {
    await using pooler = await startPgbouncer(resolveConnection({ uri: db.uri }, {}), 'session');
    await using pooled = disposable(await openTaskSession(pooler.settings));
    expect(pooled.session.facts).toMatchObject({ isDirect: false });
    expect(pooled.session.facts).not.toHaveProperty('cancelKey');
    expect(await pooled.session.query("select current_setting('client_connection_check_interval') as a")).toEqual([
      { a: '1s' },
    ]);
  });
});

describe('a cancel by key', () => {
  test('breaks off what runs, through the session', async () => {
    const end = session.run('select pg_sleep(60)');
    await sleeping(session.facts.pid);
    await session.cancel();
    expect(await end).toMatchObject({ kind: 'error', error: { code: '57014' }, transaction: 'none' });
  });

  test('breaks it off from another process that knows host, process and key', async () => {
    const end = session.run('select pg_sleep(60)');
    const { pid, cancelKey = 0 } = session.facts;
    await sleeping(pid);
    const code = `
      const socket = require('node:net').connect(${settings.port}, '${settings.host}');
      const packet = Buffer.alloc(16);
      [16, 80877102, ${pid}, ${cancelKey}].forEach((value, i) => packet.writeInt32BE(value, i * 4));
      socket.end(packet).resume();`;
    await once(spawn(process.execPath, ['-e', code]), 'close');
    expect(await end).toMatchObject({ kind: 'error', error: { code: '57014' } });
  });

  test('reaches the server that has the session, and leaves others alone', async () => {
    await using proxy = await startProxy(settings);
    const both = { ...proxy.settings, fallbackHosts: [{ host: settings.host, port: settings.port }] };
    const end = session.run('select pg_sleep(60)');
    const { pid, cancelKey = 0 } = session.facts;
    await sleeping(pid);
    await sendCancel(both, { processId: pid, secretKey: cancelKey ^ 1 });
    await sleeping(pid);
    await sendCancel(both, { processId: pid, secretKey: cancelKey });
    expect(await end).toMatchObject({ kind: 'error', error: { code: '57014' } });
  });

  test('to where nobody listens resolves', async () => {
    await sendCancel({ ...settings, port: 1 }, { processId: 1, secretKey: 1 });
  });
});

function disposable(opened: TaskSession) {
  return { session: opened, [Symbol.asyncDispose]: () => opened.end() };
}
