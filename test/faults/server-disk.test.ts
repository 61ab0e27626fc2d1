import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createRig } from './support/fault-rig.ts';
import { startFaultServer } from './support/fault-server.ts';
import { mountSmallDisk } from './support/small-disk.ts';

const disk = process.env['TEST_DATABASE_URL']
  ? { refusal: 'the server of TEST_DATABASE_URL may be on another machine' }
  : await mountSmallDisk(48);

let db: TestDatabase;
beforeAll(async () => {
  if ('refusal' in disk) return;
  db = await createTestDatabase();
  await withClient(inject('serverUri'), async (admin) => {
    await admin.query(`create tablespace ${db.name} location ${pg.escapeLiteral(disk.folder)}`);
    await admin.query(`alter database ${db.name} set tablespace ${db.name}`);
  });
});
afterAll(async () => {
  if ('refusal' in disk) return;
  await db?.[Symbol.asyncDispose]();
  await withClient(inject('serverUri'), (admin) => admin.query(`drop tablespace if exists ${db.name}`));
  await disk[Symbol.asyncDispose]();
});

/** Uses up the log that the server has laid out, until the next of it does not fit and the server breaks down. */
async function exhaustLog(pool: pg.Pool): Promise<void> {
  const switchLog = () => pool.query('select pg_switch_wal(), txid_current()');
  await eventually(() => expect(switchLog()).rejects.toThrow(/terminat|ECONN|recovery|starting up/), {
    intervalMs: 50,
  });
}

test('a full disk under the log, which brings the server down, loses nothing, and nobody is charged', async (context) => {
  const log = process.env['TEST_DATABASE_URL'] ? disk : await mountSmallDisk(256);
  if ('refusal' in log) return context.skip(log.refusal);
  await using _ = log;
  const folder = join(log.folder, 'server');
  await mkdir(folder, { mode: 0o755 });
  await using server = await startFaultServer({ max_wal_size: '32MB', min_wal_size: '32MB' }, folder);
  await using rig = await createRig(await server.createDatabase());
  await using worker = await spawnJournallingWorker(await rig.worker());
  const caller = rig.startCaller();
  await eventually(() => expect(caller.accepted).toBeGreaterThan(5));
  await rig.untilHeld(await rig.enqueue(4, '!sleep:300'));
  await log.fill();
  await exhaustLog(rig.pool);
  const failed = caller.failed;
  await eventually(() => expect(caller.failed).toBeGreaterThan(failed + 5), { timeoutMs: 15_000 });
  await log.free();
  // Whether it can recover on a full disk is a matter of luck.
  await server.stop('immediate');
  await server.start();
  const accepted = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(accepted + 5), { timeoutMs: 15_000 });
  await caller.stop();
  await rig.expectProven();
  expect(worker.stderr()).toMatch(/cannot use the database/);
}, 60_000);

test('a full disk stops enqueuers and workers for as long as it is full; nothing is lost, and nobody is charged', async (context) => {
  if ('refusal' in disk) return context.skip(disk.refusal);
  await using rig = await createRig(db);
  await using worker = await spawnJournallingWorker(await rig.worker({ concurrency: 16, logLevel: 'debug' }));
  const caller = rig.startCaller();
  await eventually(() => expect(caller.accepted).toBeGreaterThan(5));
  // So many that their ends, and the journal of them, do not fit into what room is left in pages.
  await rig.untilHeld(await rig.enqueue(12, '!sleep:2500'));
  await disk.fill();
  // No space for new requests, and none to record what has been answered.
  const failed = caller.failed;
  await eventually(() => expect(caller.failed).toBeGreaterThan(failed + 5));
  // More often than a batch is tried before its rows are thought bad one by one.
  const tries = () => worker.stderr().match(/No space left.*could not record results"/g)?.length ?? 0;
  // Up to two seconds apart.
  await eventually(() => expect(tries()).toBeGreaterThan(9), { timeoutMs: 20_000 });
  await disk.free();
  const accepted = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(accepted + 5), { timeoutMs: 15_000 });
  await caller.stop();
  await rig.expectProven();
}, 60_000);
