import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claimUpkeep } from '../../src/requests/upkeep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let one: SqlWorker;
let other: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await db.pool.query('delete from lamplighter.duty; delete from lamplighter.worker; delete from steadytext_queue');
  one = await startSqlWorker(db.pool);
  other = await startSqlWorker(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());

const CLAIM = `select lamplighter.claim_duties($1, array['sweep'], array[$2::float8])`;
const claim = ({ workerId }: SqlWorker, intervalMs: number) =>
  firstValue<string[]>(db.pool, CLAIM, [workerId, intervalMs]);
/** Makes the duty as old as if its holder had done it so long ago. */
const age = (ms: number) =>
  db.pool.query(
    `update lamplighter.duty set claimed_at = clock_timestamp() - make_interval(secs => $1::float8 / 1000)`,
    [ms],
  );
const holder = () => firstValue<string>(db.pool, 'select worker_id::text from lamplighter.duty');

test('a duty is due for its holder once the interval is over, and for others when it is late', async () => {
  expect(await claim(one, 60_000)).toEqual(['sweep']);
  expect(await claim(one, 60_000)).toEqual([]);
  await age(60_200);
  expect(await claim(other, 60_000)).toEqual([]);
  expect(await claim(one, 60_000)).toEqual(['sweep']);
  await age(60_600);
  expect(await claim(other, 60_000)).toEqual(['sweep']);
  expect(await holder()).toBe(other.workerId);
});

test('an interval of 0 is due at once, and so is a duty that a clock which was set back left in the future', async () => {
  await claim(one, 60_000);
  expect(await claim(other, 0)).toEqual(['sweep']);
  await age(-3_600_000);
  expect(await claim(one, 60_000)).toEqual(['sweep']);
});

test('of two sessions that claim at once one has the duty, and neither waits for the other', async () => {
  await claim(one, 60_000);
  await age(120_000);
  await using a = await openSession(db.uri);
  await using b = await openSession(db.uri);
  await b.client.query(`set lock_timeout = '1ms'`);
  await a.client.query('begin');
  expect(await firstValue(a.client, CLAIM, [one.workerId, 60_000])).toEqual(['sweep']);
  expect(await firstValue(b.client, CLAIM, [other.workerId, 60_000])).toEqual([]);
  await a.client.query('commit');
  expect(await firstValue(b.client, CLAIM, [other.workerId, 60_000])).toEqual([]);
  expect(await holder()).toBe(one.workerId);
});

test('what a session claimed that was cut off before its commit is still due', async () => {
  await claim(one, 60_000);
  await age(120_000);
  await using a = await openSession(db.uri);
  await a.client.query('begin');
  await firstValue(a.client, CLAIM, [one.workerId, 60_000]);
  await db.pool.query('select pg_terminate_backend($1)', [a.pid]);
  await eventually(async () => expect(await claim(other, 60_000)).toEqual(['sweep']));
});

test('the upkeep tells what there is to do, and only whoever has it', async () => {
  const idle = {
    isClaimed: true,
    hasDue: false,
    hasAutonomous: false,
    isNearLimit: false,
    isReady: false,
    nextMs: 500,
  };
  expect(await claimUpkeep(db.pool, one.workerId, false)).toEqual(idle);
  const [id] = await embed(db.pool, ['delayed']);
  await db.pool.query(
    `update steadytext_queue set run_at = clock_timestamp() - interval '1 second' where request_id = $1`,
    [id],
  );
  await db.pool.query(`insert into lamplighter.autonomous_request (request_id, origin_id) values ($1, $1)`, [id]);
  await db.pool.query(`select lamplighter.set('max_queue_size', '1')`);
  expect(await claimUpkeep(db.pool, other.workerId, false)).toMatchObject({ isClaimed: false, hasDue: false });
  await age(500);
  expect(await claimUpkeep(db.pool, one.workerId, false)).toEqual({
    ...idle,
    hasDue: true,
    hasAutonomous: true,
    isNearLimit: true,
  });
  await db.pool.query(`select lamplighter.set('max_queue_size', null); delete from lamplighter.autonomous_request`);
});

test('workers are told to scan once requests that they serve have been ready for two scans', async () => {
  await using session = await openSession(db.uri);
  const heard: unknown[] = [];
  session.client.on('notification', ({ payload }) => heard.push(payload));
  await session.client.query('listen lamplighter_wake');
  const look = async (wasReady: boolean) => {
    await age(500);
    const { isReady } = await claimUpkeep(db.pool, one.workerId, wasReady);
    await session.client.query('select 1');
    return isReady;
  };
  await claimUpkeep(db.pool, one.workerId, false);
  await db.pool.query(`select steadytext_embed_async('of a model that nobody serves', model => 'some/other')`);
  expect(await look(true)).toBe(false);
  await embed(db.pool, ['missed']);
  expect(await look(false)).toBe(true);
  expect(heard).toEqual([]);
  expect(await look(true)).toBe(false);
  expect(heard).toEqual(['requests:scan']);
  await db.pool.query(`select steadytext_pause('embed')`);
  expect(await look(true)).toBe(false);
  await db.pool.query(`select steadytext_resume('embed')`);
});

test('those who have no duty take turns to ask, a second apart, however many they are', async () => {
  const workers = [one, other];
  for (let n = 2; n < 20; n += 1) workers.push(await startSqlWorker(db.pool));
  const { rows } = await db.pool.query<{ next_ms: number }>(
    `select case when w.worker_id = $1 then null else u.next_ms + extract(epoch from u.at) * 1000 end as next_ms
     from lamplighter.worker as w
     cross join lateral (select clock_timestamp() as at, (lamplighter.claim_upkeep($1, false)).next_ms as mine) as first
     cross join lateral (select first.at, (lamplighter.claim_upkeep(w.worker_id, false)).next_ms) as u`,
    [one.workerId],
  );
  const turns = rows.flatMap(({ next_ms: at }) => (at === null ? [] : [Number(at)])).sort((a, b) => a - b);
  expect(turns).toHaveLength(19);
  const gaps = turns.slice(1).map((at, n) => at - (turns[n] ?? 0));
  for (const gap of gaps) expect(gap).toBeGreaterThan(300);
  for (const gap of gaps) expect(gap).toBeLessThan(1_700);
});

test('a heartbeat tells that nobody does the upkeep', async () => {
  const isLate = () =>
    firstValue<boolean>(db.pool, `select (lamplighter.renew_lease($1, 'running', 4, 0, 0, 0, '{}')).is_upkeep_late`, [
      other.workerId,
    ]);
  expect(await isLate()).toBe(true);
  await claimUpkeep(db.pool, one.workerId, false);
  expect(await isLate()).toBe(false);
  await age(2_000);
  expect(await isLate()).toBe(true);
});
