import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { complaintsOf } from '../doctor/examine-database.ts';
import { uriOf, withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs } from '../support/owned-database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer({ settings: { wal_level: 'logical' } });
});
afterAll(() => server?.stop());

/** Two databases with the schema: one with requests in every state, and one that is to take its place. */
interface Move extends AsyncDisposable {
  readonly origin: pg.Pool;
  readonly copy: pg.Pool;
  readonly copyUri: string;
  /** Publishes that and subscribes the copy to it. Both are on one server, so the slot is made beforehand. */
  subscribe(published: string): Promise<void>;
  /** Waits until the copy has all that was committed on the origin, and ends the subscription. */
  finish(): Promise<void>;
}

async function prepareMove(name: string): Promise<Move> {
  const [originUri, copyUri] = [`${name}_origin`, `${name}_copy`].map((database) => uriOf(server.uri, { database }));
  if (originUri === undefined || copyUri === undefined) throw new Error('there are two');
  await withClient(server.uri, async (admin) => {
    for (const uri of [originUri, copyUri]) await admin.query(`create database ${new URL(uri).pathname.slice(1)}`);
  });
  for (const uri of [originUri, copyUri]) await migrateAs(uri);
  const origin = new pg.Pool({ connectionString: originUri, max: 4 });
  const copy = new pg.Pool({ connectionString: copyUri, max: 4 });
  await origin.query(`select lamplighter.set('max_queue_size', '7000')`);
  await origin.query(`select steadytext_embed_async('text ' || n) from generate_series(1, 20) as n`);
  const worker = await startSqlWorker(origin, { leaseMs: 1_000 });
  await worker.finish(await worker.claim({ limit: 4 }), { kind: 'completed', result: '[1]' });
  await worker.claim({ limit: 3 });
  let isSubscribed = false;
  const unsubscribe = async () => {
    if (isSubscribed) await copy.query(`drop subscription ${name}`);
    isSubscribed = false;
  };
  return {
    origin,
    copy,
    copyUri,
    async subscribe(published) {
      await origin.query(`create publication everything ${published}`);
      await origin.query(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`);
      await copy.query(
        `create subscription ${name} connection ${pg.escapeLiteral(originUri)} publication everything
         with (create_slot = false, slot_name = '${name}')`,
      );
      isSubscribed = true;
    },
    async finish() {
      const { rows } = await origin.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
      await eventually(async () => {
        const { rows: missing } = await copy.query(
          `select srrelid::regclass::text as what from pg_subscription_rel where srsubstate <> 'r'
           union all
           select subname from pg_stat_subscription where relid is null and coalesce(latest_end_lsn < $1, true)`,
          [rows[0]?.lsn],
        );
        expect(missing).toEqual([]);
      });
      await unsubscribe();
    },
    async [Symbol.asyncDispose]() {
      await unsubscribe();
      await Promise.all([origin.end(), copy.end()]);
    },
  };
}

const brokenIn = (uri: string) => complaintsOf(uri, { names: ['schema', 'tables', 'functions', 'ids', 'replication'] });

async function statusesIn(pool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ status: string; n: number }>(
    'select status, count(*)::int as n from steadytext_queue group by status',
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

const BEHIND = { name: 'ids', state: 'broken', advice: 'As the owner: lamplighter migrate' };

test('a queue that is copied alone goes on after migrate, with what was processing', async () => {
  await using move = await prepareMove('queue_alone');
  await move.subscribe('for table public.steadytext_queue');
  await move.origin.query(`select steadytext_embed_async('later')`);
  await move.finish();
  expect(await statusesIn(move.copy)).toEqual({ completed: 4, processing: 3, pending: 14 });

  expect(await brokenIn(move.copyUri)).toMatchObject([BEHIND]);
  const early = move.copy.query(`select steadytext_embed_async('too early')`);
  await expect(early).rejects.toMatchObject({ code: '23505' });
  expect((await migrateAs(move.copyUri)).notes).toEqual([
    'the sequence of ids was behind the highest id and goes on after 21',
    '3 requests were processing on another server and will be run again here',
  ]);
  expect((await migrateAs(move.copyUri)).notes).toEqual([]);
  expect(await brokenIn(move.copyUri)).toEqual([]);

  await move.copy.query(`select steadytext_embed_async('after')`);
  await using _ = await startTestWorker({ uri: move.copyUri });
  await eventually(async () => expect(await statusesIn(move.copy)).toEqual({ completed: 22 }), { timeoutMs: 15_000 });
}, 60_000);

test('all tables can be copied into the schema without its rows, and workers and settings come along', async () => {
  await using move = await prepareMove('all_tables');
  // What pg_dump --schema-only gives.
  const { rows } = await move.copy.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('lamplighter', 'lantern')`,
  );
  await move.copy.query(`truncate public.steadytext_queue, ${rows.map(({ name }) => name).join(', ')}`);
  await move.subscribe('for all tables');
  await move.finish();

  expect(await brokenIn(move.copyUri)).toMatchObject([BEHIND]);
  expect((await migrateAs(move.copyUri)).notes).toEqual([
    'the sequence of ids was behind the highest id and goes on after 20',
  ]);
  expect(await brokenIn(move.copyUri)).toEqual([]);
  const { rows: settings } = await move.copy.query(`select lamplighter.effective_setting('max_queue_size') as size`);
  expect(settings).toEqual([{ size: '7000' }]);
  await using _ = await startTestWorker({ uri: move.copyUri });
  await eventually(async () => expect(await statusesIn(move.copy)).toEqual({ completed: 20 }), { timeoutMs: 15_000 });
}, 60_000);

test('tables that migrate has filled cannot be copied over: doctor names those whose copy does not end', async () => {
  await using move = await prepareMove('filled_tables');
  await move.subscribe('for all tables');
  await eventually(async () => expect(await statusesIn(move.copy)).toMatchObject({ completed: 4 }));
  const copying = {
    name: 'replication',
    state: 'warning',
    message: expect.stringMatching(/^these have not been copied yet: (.*, )?lamplighter\.setting/),
    advice: expect.stringContaining('publish public.steadytext_queue alone'),
  };
  await eventually(async () => expect(await brokenIn(move.copyUri)).toMatchObject([BEHIND, copying]));
}, 60_000);
