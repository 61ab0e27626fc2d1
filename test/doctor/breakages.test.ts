import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { CHECKS } from '../../src/cli/doctor/checks.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { createTargetScene } from '../embeddings/target-scene.ts';
import { type OwnServer, startOwnServer } from '../hosts/own-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { withSession } from '../support/owned-database.ts';
import { complaintsOf, type ExamineOptions, examineDatabase } from './examine-database.ts';

async function createDatabase(): Promise<TestDatabase> {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  return db;
}

/** A session of its own, as whoever breaks the system has one. */
async function connect(uri: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: uri, application_name: 'breaker' });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The statements of an advice, as an operator takes them over. */
const statementsIn = (advice = '') =>
  advice
    .split('; ')
    .map((part) => part.replace(/^.*?: (?=[A-Z]{4})/, ''))
    .filter((part) => /^(ALTER|CREATE|DROP|GRANT|REINDEX|VACUUM|SELECT|ROLLBACK) /.test(part));

/** Finds one complaint and no other, does what it advises, and finds none. */
async function expectOne(
  db: { readonly uri: string; readonly pool: pg.Pool },
  expected: { readonly name: string; readonly message: RegExp; readonly advice: RegExp },
  options: ExamineOptions = {},
): Promise<void> {
  const complaints = await eventually(async () => {
    const found = await complaintsOf(db.uri, options);
    expect(found).toMatchObject([
      {
        name: expected.name,
        message: expect.stringMatching(expected.message),
        advice: expect.stringMatching(expected.advice),
      },
    ]);
    return found;
  });
  const statements = complaints.flatMap(({ advice }) => statementsIn(advice));
  expect(statements.length).toBeGreaterThan(0);
  for (const statement of statements) await db.pool.query(statement);
  await eventually(async () => expect(await complaintsOf(db.uri, options)).toEqual([]));
}

const firstOf = async (db: TestDatabase, text: string) =>
  String(Object.values((await db.pool.query<Record<string, unknown>>(text)).rows[0] ?? {})[0]);

describe('doctor', () => {
  test('has nothing to complain of in a system that is well, and every check has its say or nothing to say', async () => {
    const db = await createDatabase();
    const findings = await examineDatabase(db.uri);
    expect(findings.filter(({ state }) => state !== 'ok' && state !== 'note')).toEqual([]);
    expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
    for (const name of ['indexes', 'triggers', 'functions', 'transactions', 'vacuum', 'notifications', 'model-cache'])
      expect(findings.filter((finding) => finding.name === name)).toMatchObject([{ state: 'ok' }]);
  });

  test('gives the statement that makes a dropped index again', async () => {
    const db = await createDatabase();
    const name = await firstOf(
      db,
      `select indexrelid::regclass from pg_index where indrelid = 'public.steadytext_queue'::regclass and not indisunique limit 1`,
    );
    await db.pool.query(`drop index ${name}`);
    await expectOne(db, { name: 'indexes', message: new RegExp(`dropped.*${name}`), advice: /CREATE INDEX/ });
  });

  test('rebuilds an index of ours that is invalid', async () => {
    const db = await createDatabase();
    await db.pool.query(
      `update pg_index set indisvalid = false where indexrelid = (
         select indexrelid from pg_index where indrelid = 'public.steadytext_queue'::regclass and not indisunique limit 1)`,
    );
    await expectOne(db, { name: 'indexes', message: /is invalid/, advice: /REINDEX INDEX CONCURRENTLY/ });
  });

  test('names an invalid index that a failed build has left on a table of a user', async () => {
    const db = await createDatabase();
    await db.pool.query('create table public.docs (id integer); insert into public.docs values (1), (1)');
    await expect(db.pool.query('create unique index concurrently "Docs key" on public.docs (id)')).rejects.toThrow();
    await expectOne(db, {
      name: 'indexes',
      message: /public\."Docs key" on public\.docs is invalid.*failed/,
      advice: /DROP INDEX CONCURRENTLY public\."Docs key"/,
    });
  });

  test('names an altered function, and what brings it back', async () => {
    const db = await createDatabase();
    await db.pool.query(
      "create or replace function public.steadytext_prune(older_than interval) returns bigint language sql as 'select 0::bigint'",
    );
    expect(await complaintsOf(db.uri)).toMatchObject([
      {
        name: 'functions',
        message: expect.stringContaining('public.steadytext_prune'),
        advice: 'As the owner: lamplighter migrate',
      },
    ]);
    await withSession(db.uri, migrate);
    expect(await complaintsOf(db.uri)).toEqual([]);
  });

  test.each(['drop trigger limit_insert on', 'disable'])('makes a trigger fire again after %s', async (how) => {
    const db = await createDatabase();
    await db.pool.query(
      how === 'disable'
        ? 'alter table public.steadytext_queue disable trigger limit_insert'
        : `${how} public.steadytext_queue`,
    );
    await expectOne(db, {
      name: 'triggers',
      message: /^(dropped|disabled): trigger limit_insert on public\.steadytext_queue$/,
      advice: /(CREATE|ENABLE) TRIGGER limit_insert/,
    });
  });

  test('tells a capture trigger that somebody disabled', async () => {
    const scene = await createTargetScene();
    onTestFinished(() => scene[Symbol.asyncDispose]());
    await scene.run('create table docs (id integer primary key, body text)');
    await scene.settle(await scene.prepare('docs'));
    await scene.run(`update lamplighter.embedding_job set state = 'live'`);
    await scene.run('alter table docs disable trigger user');
    await expectOne(scene.db, {
      name: 'triggers',
      message: /changes of docs are not captured for job docs: its trigger is disabled/,
      advice: /ENABLE TRIGGER .*lamplighter jobs resync docs/,
    });
  });

  test('tells a column whose dimensions are not those of the model of its job', async () => {
    const scene = await createTargetScene();
    onTestFinished(() => scene[Symbol.asyncDispose]());
    await scene.run('create table docs (id integer primary key, body text)');
    await scene.settle(await scene.prepare('docs'));
    // Where there is no pgvector, a type that looks like its own.
    await scene.run(`create type public.vector;
      create function public.vector_in(cstring, oid, integer) returns public.vector language internal immutable strict as 'varbit_in';
      create function public.vector_out(public.vector) returns cstring language internal immutable strict as 'varbit_out';
      create type public.vector (input = public.vector_in, output = public.vector_out, typmod_in = bittypmodin, typmod_out = bittypmodout);
      alter table docs alter vec type public.vector(768) using null`);
    await expectOne(scene.db, {
      name: 'dimensions',
      message: /job docs: docs\.vec is vector\(768\), and the vectors of m1 have 3 dimensions/,
      advice: /ALTER COLUMN vec TYPE public\.vector\(3\) USING NULL/,
    });
  });

  test('names the worker that a backlog lacks', async () => {
    const db = await createDatabase();
    await db.pool.query(`select steadytext_generate_async('a')`);
    expect(await complaintsOf(db.uri)).toMatchObject([
      {
        name: 'workers',
        message: 'none runs, and requests wait: 1 generate',
        advice: expect.stringMatching(/^lamplighter worker/),
      },
    ]);
  });

  test('names a session that keeps dead rows', async () => {
    const db = await createDatabase();
    const client = await connect(db.uri);
    await client.query('begin isolation level repeatable read');
    await client.query('select 1');
    await expectOne(
      db,
      {
        name: 'transactions',
        message: /^process \d+ \(.*, breaker, idle in transaction\)/,
        advice: /pg_terminate_backend/,
      },
      // Above what a check may take itself.
      { thresholds: { oldTransactionMs: 3_500 } },
    );
  });

  test('names a granted role that has lost what it needs to connect or to find the functions', async () => {
    const db = await createDatabase();
    const role = await db.createRole('caller');
    await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
    await db.pool.query('revoke usage on schema lantern from public');
    await db.pool.query(`revoke usage on schema lantern from ${role.name}`);
    await expectOne(db, {
      name: 'rights',
      message: /role "?\w+_caller"? may not use the schema lantern/,
      advice: /GRANT USAGE ON SCHEMA lantern/,
    });
  });

  test('names commands that the program takes', async () => {
    const db = await createDatabase();
    await db.pool
      .query(`select steadytext_embed_async('a'); select lamplighter.pause_function('embed')`)
      .catch(() => undefined);
    await db.pool.query("update lamplighter.routine set checksum = 'another' where name = 'steadytext_prune'");
    const advice = (await examineDatabase(db.uri)).flatMap(({ advice: text = '' }) => text);
    const commands = advice.flatMap((text) => [...text.matchAll(/lamplighter ((?:[a-z]+ ?)+(?: --?[a-z-]+)*)/g)]);
    expect(commands.length).toBeGreaterThan(1);
    for (const [, words = ''] of commands) {
      const named = COMMANDS.filter(({ name }) => words === name || words.startsWith(`${name} `));
      expect(named, words).not.toEqual([]);
      const flags = [...words.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag);
      const known = named.flatMap(({ options }) => options.map(({ flag }) => flag));
      expect(known).toEqual(expect.arrayContaining(flags));
    }
  });

  test('says what a role may not see, in place of that it is well', async () => {
    const db = await createDatabase();
    const role = await db.createRole('caller');
    await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
    const findings = await examineDatabase(role.uri);
    for (const name of ['transactions', 'tables', 'functions', 'ledger']) {
      expect(findings.filter((finding) => finding.name === name && finding.state !== 'ok')).toMatchObject([
        { state: 'unknown', message: expect.stringMatching(/not checked: needs /) },
      ]);
    }
  });

  test('tells a table that autovacuum is behind on', async () => {
    const db = await createDatabase();
    // A session tells what it wrote when it ends, at the latest.
    await withSession(db.uri, async (session) => {
      await session.query('alter table lamplighter.capture_full set (autovacuum_enabled = off)');
      await session.query('insert into lamplighter.capture_full (job) select 1 from generate_series(1, 3000)');
      await session.query('delete from lamplighter.capture_full');
    });
    await expectOne(
      db,
      {
        name: 'vacuum',
        message: /^lamplighter\.capture_full has \d+ dead rows, and autovacuum is off; it was there last never$/,
        advice: /VACUUM \(ANALYZE\) lamplighter\.capture_full; .*RESET/,
      },
      { thresholds: { vacuumLag: { times: 1, rows: 1_000 } } },
    );
  });

  test('tells a notification queue that fills up', async () => {
    const db = await createDatabase();
    const client = await connect(db.uri);
    await client.query('listen somewhere');
    await client.query('begin');
    for (let i = 0; i < 20; i += 1) await db.pool.query("select pg_notify('somewhere', repeat('x', 7000) || $1)", [i]);
    expect(await complaintsOf(db.uri, { thresholds: { notificationQueueUsage: 1e-9 } })).toMatchObject([
      { name: 'notifications', advice: expect.stringContaining('FROM pg_stat_activity') },
    ]);
    await client.query('rollback');
  });

  test('a check that waits for a lock says whose, and holds up no other', async () => {
    const db = await createDatabase();
    const client = await connect(db.uri);
    await client.query('begin; lock table lamplighter.routine in access exclusive mode');
    const startMs = performance.now();
    expect(await complaintsOf(db.uri)).toMatchObject([
      {
        name: 'functions',
        message: expect.stringMatching(
          /^not checked: no answer within 3 s: it waits for a lock of process \d+ \(.*breaker\)$/,
        ),
        advice: expect.stringContaining('pg_stat_activity'),
      },
    ]);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    await eventually(async () =>
      expect(
        await firstOf(
          db,
          `select count(*) from pg_locks where relation = 'lamplighter.routine'::regclass and not granted`,
        ),
      ).toBe('0'),
    );
    await client.query('rollback');
  });

  test('tells downloads that ended early, and a disk that is almost full', async () => {
    const db = await createDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'lamplighter-doctor-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'some'));
    await writeFile(join(folder, 'some', 'model.onnx.abc.partial'), 'x'.repeat(2_000));
    await utimes(join(folder, 'some', 'model.onnx.abc.partial'), 1_700_000_000, 1_700_000_000);
    const env = { LAMPLIGHTER_MODEL_DIR: folder };
    expect(await complaintsOf(db.uri, { env })).toMatchObject([
      {
        name: 'model-cache',
        message: expect.stringContaining('model.onnx.abc.partial'),
        since: '2023-11-14T22:13:20.000Z',
      },
    ]);
    await rm(join(folder, 'some'), { recursive: true });
    expect(await complaintsOf(db.uri, { env, thresholds: { freeBytes: 1e18 } })).toMatchObject([
      { name: 'model-cache', advice: expect.stringContaining('LAMPLIGHTER_MODEL_DIR') },
    ]);
    expect(await complaintsOf(db.uri, { env })).toEqual([]);
  });

  test('tells a port of --http that another program has', async () => {
    const db = await createDatabase();
    const server = createServer((_, response) => response.end('no'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const flags = { http: `127.0.0.1:${port}` };
    const complaints = await complaintsOf(db.uri, { flags });
    await new Promise((resolve) => {
      server.close(resolve);
    });
    expect(complaints).toMatchObject([{ name: 'http', state: 'broken', advice: expect.stringContaining('--http ') }]);
    expect(await complaintsOf(db.uri, { flags })).toEqual([]);
  });
});

describe('doctor on a server with slots and prepared transactions', () => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startOwnServer({ settings: { wal_level: 'logical', max_prepared_transactions: '5' } });
  });
  afterAll(() => server?.stop());

  test('names a prepared transaction and a slot that nobody ends or reads', async () => {
    const pool = new pg.Pool({ connectionString: server.uri });
    onTestFinished(() => pool.end());
    await withSession(server.uri, migrate);
    const client = await pool.connect();
    await client.query(`begin; select txid_current(); prepare transaction 'it''s left'`);
    client.release();
    await expectOne(
      { uri: server.uri, pool },
      { name: 'transactions', message: /prepared transaction it's left of /, advice: /ROLLBACK PREPARED 'it''s left'/ },
      { thresholds: { oldTransactionMs: 3_500 } },
    );
    await pool.query(`select pg_create_logical_replication_slot('forgotten', 'pgoutput')`);
    await expectOne(
      { uri: server.uri, pool },
      {
        name: 'transactions',
        message: /replication slot forgotten/,
        advice: /pg_drop_replication_slot\('forgotten'\)/,
      },
      { thresholds: { idleSlotMs: 0, idleSlotTransactions: 0 } },
    );
  });
});
