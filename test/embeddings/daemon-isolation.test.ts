import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { openSession } from '../support/sql-session.ts';
import { createVectorRig, type VectorRig } from './vector-rig.ts';

let db: TestDatabase;
let rig: VectorRig;
let daemon: SpawnedProcess;
beforeAll(async () => {
  db = await createTestDatabase();
  rig = await createVectorRig(db);
  daemon = await rig.spawn();
}, 60_000);
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Alone on its table, a writer meets nobody but the daemon: each error is the daemon's doing. */
test.each([
  ['read committed', 'read_committed', []],
  ['repeatable read', 'repeatable_read', ['40001']],
  ['serializable', 'serializable', ['40001']],
] as const)(
  'a %s writer of many rows loses no change and sees no error but those',
  async (isolation, table, allowed) => {
    await rig.addTable(table, 40);
    await rig.untilAtRest({ tables: [table] });
    const writer = rig.startWriter(table, 7, { isolation, pauseMs: 1 });
    await eventually(() => expect(writer.committed).toBeGreaterThan(150), { timeoutMs: 45_000 });
    await writer.stop();
    expect([...writer.errors.keys()].filter((state) => !allowed.some((each) => each === state))).toEqual([]);
    const failed = [...writer.errors.values()].reduce((sum, count) => sum + count, 0);
    expect(failed).toBeLessThan(writer.committed);
    await rig.expectProven({ tables: [table] });
  },
  150_000,
);

test('rows that are held by SELECT FOR UPDATE, a table lock and a long transaction wait for their vectors, and their holders for nobody', async () => {
  await rig.addTable('held', 40);
  await rig.untilAtRest({ tables: ['held'] });
  await using rows = await openSession(db.uri);
  await using reader = await openSession(db.uri);
  await reader.client.query('begin isolation level repeatable read; select count(*) from held');
  await rows.client.query(
    `begin; set local lock_timeout = '1s'; select from held where id <= 20 order by id for update`,
  );
  await rig.write(`update held set body = 'free ' || id where id > 20`);
  await eventually(
    async () => {
      const { rows: left } = await rig.pool.query(
        'select id from held where id > 20 and ident not in (select ident from vector_history.change where actor = $1 and after ->> $2 like $3)',
        ['lamplighter daemon', 'body', 'free %'],
      );
      expect(left).toEqual([]);
    },
    { timeoutMs: 20_000 },
  );
  await rows.client.query(`update held set body = 'held ' || id where id <= 20`);
  await rows.client.query('commit');
  await rows.client.query(`begin; set local lock_timeout = '2s'; lock table held in exclusive mode`);
  await rows.client.query(`update held set body = 'locked ' || id where id % 2 = 0`);
  await rows.client.query('commit; set default_transaction_isolation = default');
  await reader.client.query('commit');
  await rig.expectProven({ tables: ['held'] });
}, 120_000);
