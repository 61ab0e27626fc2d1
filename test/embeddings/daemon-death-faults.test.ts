import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, spawnDaemon } from '../support/test-daemon.ts';

const LEASE = { leaseMs: 2_000, heartbeatMs: 200 };
/** Time for the lease of a dead daemon, and for the work. */
const PATIENCE = { timeoutMs: 30_000 };
// Two starts of a process, a lease and a patience or two, on a machine with other work.
vi.setConfig({ testTimeout: 90_000 });

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('create table articles (id integer primary key, body text)');
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

const insert = (from: number, to: number, text = "'text ' || n") =>
  db.pool.query(`insert into articles select n, ${text} from generate_series($1::int, $2::int) as n`, [from, to]);
const countVectors = async () => {
  const { rows } = await db.pool.query<{ count: number }>('select count(embedding)::int as count from articles');
  return rows[0]?.count ?? 0;
};
const expectNoFaults = () =>
  eventually(async () => expect(await findVectorFaults(db, 'articles')).toEqual(NO_FAULTS), PATIENCE);
/** Slow enough that a kill hits what the test wants. */
const provider = { maxBatch: 4, maxConcurrency: 2 };

describe('after kill -9 no vector is missing or stale', () => {
  test('in the middle of the backfill', async () => {
    await insert(1, 120, "'text ' || n || ' !sleep:20'");
    await addJob(db, { table: 'articles' });
    const first = await spawnDaemon({ uri: db.uri, ...LEASE, provider, batchRows: 20 });
    await eventually(async () => expect(await countVectors()).toBeGreaterThan(10), PATIENCE);
    first.kill('SIGKILL');
    await first.exited;
    await db.pool.query("update articles set body = 'other ' || id where id % 10 = 0");
    await using second = await spawnDaemon({ uri: db.uri, ...LEASE, provider, batchRows: 20 });
    await expectNoFaults();
    second.kill();
    expect((await second.exited).code).toBe(0);
  });

  test('while a changed row is being embedded', async () => {
    await insert(1, 3);
    await addJob(db, { table: 'articles' });
    const first = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
    await db.pool.query("update articles set body = 'slow !sleep:60000' where id = 2");
    await eventually(async () => {
      const { rows } = await db.pool.query('select holder is not null as held from lamplighter.embedding_batch');
      expect(rows).toEqual([{ held: true }]);
    }, PATIENCE);
    first.kill('SIGKILL');
    await first.exited;
    await db.pool.query("update articles set body = 'quick' where id = 2");
    await using _second = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
    await eventually(async () => {
      const { rows } = await db.pool.query('select id from lamplighter.embedding_batch');
      expect(rows).toEqual([]);
    }, PATIENCE);
  });

  test('when it comes before the job is prepared, and rows change while no daemon runs', async () => {
    await insert(1, 10);
    const first = await spawnDaemon({ uri: db.uri, ...LEASE });
    await addJob(db, { table: 'articles' });
    first.kill('SIGKILL');
    await first.exited;
    await insert(11, 20);
    await db.pool.query("update articles set body = body || ' changed' where id <= 5");
    await db.pool.query('delete from articles where id = 6');
    await db.pool.query('update articles set body = null where id = 7');
    await using _second = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
  });
});

test('another daemon takes over from one that was killed, within its lease', async () => {
  await insert(1, 200, "'text ' || n || ' !sleep:10'");
  await addJob(db, { table: 'articles' });
  const first = await spawnDaemon({ uri: db.uri, ...LEASE, provider, batchRows: 20 });
  await using _second = await spawnDaemon({ uri: db.uri, ...LEASE, provider, batchRows: 20 });
  await eventually(async () => expect(await countVectors()).toBeGreaterThan(20), PATIENCE);
  first.kill('SIGKILL');
  await expectNoFaults();
});

test('two daemons share the changes of a job, and embed each of them once', async () => {
  await addJob(db, { table: 'articles' });
  await using first = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 5 });
  await using second = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 5 });
  await eventually(async () => {
    const { rows } = await db.pool.query("select state from lamplighter.embedding_job where state = 'live'");
    expect(rows).toHaveLength(1);
  }, PATIENCE);
  await insert(1, 300, "'text ' || n || ' !sleep:5'");
  await expectNoFaults();
  const { rows } = await db.pool.query<{ texts: string }>(
    'select sum(texts)::text as texts from lamplighter.embedding_day',
  );
  expect(Number(rows[0]?.texts)).toBe(300);
  for (const each of [first, second]) expect(each.output()).not.toMatch(/"level":"(error|fatal)"/);
});
