import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { promoteRequests, type Refused } from '../../src/requests/upkeep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

/** A trigger of the user's that refuses to change some rows: they must not hold up any other. */
let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$`);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() =>
  db.pool.query(`drop trigger if exists refuse on steadytext_queue; delete from steadytext_queue;
    delete from lamplighter.worker; delete from lamplighter.quarantine`),
);

const CURSED = [3, 4, 40];

/** Requests of priority 1 to 50, three of which must not be changed once the trigger stands. */
const fill = () => db.pool.query(`select steadytext_embed_async('t', priority => n) from generate_series(1, 50) as n`);

const curse = (when: 'before' | 'after') =>
  db.pool.query(`create trigger refuse ${when} update on steadytext_queue for each row
    when (old.priority in (${CURSED})) execute function refuse()`);

const prioritiesOf = async (condition: string) =>
  (await db.pool.query(`select priority from steadytext_queue where ${condition} order by priority`)).rows.map(
    ({ priority }) => priority,
  );

test.each(['before', 'after'] as const)(
  'what a trigger %s the change refuses is not promoted, the rest is',
  async (when) => {
    await fill();
    await db.pool.query('update steadytext_queue set run_at = now()');
    await curse(when);
    const refusals: Refused[] = [];
    expect(await promoteRequests(db.pool, 1_000, (refused) => refusals.push(refused))).toBe(47);
    expect(await prioritiesOf('run_at is not null')).toEqual(CURSED);
    expect(refusals).toEqual([{ requests: 3, requestId: expect.any(String), reason: 'not this one' }]);
    expect(await promoteRequests(db.pool, 1_000)).toBe(0);
  },
);

test.each(['before', 'after'] as const)('what it refuses %s the change is not rescued, the rest is', async (when) => {
  await fill();
  const worker = await startSqlWorker(db.pool);
  while ((await worker.claim()).length > 0);
  expect(await prioritiesOf(`status = 'processing'`)).toHaveLength(50);
  await worker.fallSilent();
  await curse(when);
  const refusals: Refused[] = [];
  const rescue = () => rescueRequests(db.pool, 3, { onRefused: (refused) => refusals.push(refused) });
  expect(await rescue()).toHaveLength(47);
  expect(await prioritiesOf(`status = 'processing'`)).toEqual(CURSED);
  expect(refusals).toEqual([{ requests: 3, requestId: expect.any(String), reason: 'not this one' }]);
  expect(await rescue()).toEqual([]);
  await db.pool.query('drop trigger refuse on steadytext_queue');
  expect(await rescue()).toHaveLength(3);
});
