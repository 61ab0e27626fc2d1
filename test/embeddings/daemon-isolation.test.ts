import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqlStateOf } from '../../src/db/sqlstate.ts';
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
    await rig.expectProven({ tables: [table] });
    // What one more writer of the rows causes at most: each of its writes comes before one write of somebody whose snapshot is older.
    const { rows } = await rig.pool.query<{ writes: number }>(
      "select count(*)::int as writes from vector_history.change where actor = 'lamplighter daemon' and table_name = $1",
      [table],
    );
    expect(failed).toBeLessThanOrEqual(rows[0]?.writes ?? 0);
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

test.each([
  ['read committed', []],
  ['repeatable read', ['40001']],
] as const)(
  'many %s writers of many rows, all in one order, meet no deadlock that they would not meet without the daemon',
  async (isolation, allowed) => {
    const table = `crowd_${isolation.replace(' ', '_')}`;
    await rig.addTable(table, 60);
    await rig.untilAtRest({ tables: [table] });
    const errors = new Map<string, number>();
    let committed = 0;
    await Promise.all(
      [0, 1, 2].map(async (writer) => {
        await using session = await openSession(db.uri);
        for (let round = 0; round < 40; round += 1) {
          const from = 1 + ((round * 7 + writer * 5) % 40);
          await session.client.query(`begin isolation level ${isolation}`);
          try {
            for (const start of [from, from + 7, from + 14]) {
              // Rows are locked by their keys, so that writers do not lock each other out.
              await session.client.query(
                `with held as (select id from ${table} where id between $1 and $1 + 6 order by id for update)
                 update ${table} as t set body = $2 || t.id from held as h where t.id = h.id`,
                [start, `round ${round} of ${writer}, row `],
              );
            }
            await session.client.query('commit');
            committed += 1;
          } catch (error) {
            const code = sqlStateOf(error) ?? 'none';
            errors.set(code, (errors.get(code) ?? 0) + 1);
            await session.client.query('rollback');
          }
        }
      }),
    );
    expect([...errors.keys()]).toEqual(errors.size === 0 ? [] : allowed);
    expect(committed).toBeGreaterThan(isolation === 'read committed' ? 119 : 0);
    await rig.expectProven({ tables: [table] });
  },
  120_000,
);

test('serializable sessions that insert rows of their own see no error, though all of them fire one capture function', async () => {
  await rig.addTable('own_rows', 1);
  await rig.untilAtRest({ tables: ['own_rows'] });
  await Promise.all(
    [1, 2, 3, 4].map(async (session) => {
      await using own = await openSession(db.uri);
      for (let n = 1; n <= 50; n += 1) {
        await own.client.query('begin isolation level serializable');
        await own.client.query('insert into own_rows (id, body) values ($1, $2), ($1 + 1, $2)', [
          session * 1_000 + 2 * n,
          `of ${session}, ${n}`,
        ]);
        await own.client.query('commit');
      }
    }),
  );
  await rig.expectProven({ tables: ['own_rows'] });
}, 60_000);
