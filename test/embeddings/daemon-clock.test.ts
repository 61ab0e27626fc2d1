import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

const HOUR_MS = 3_600_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
});
afterAll(() => db[Symbol.asyncDispose]());
afterEach(() => vi.restoreAllMocks());

const untilRight = (table: string) =>
  eventually(async () => expect(await findVectorFaults(db, table)).toEqual(NO_FAULTS), { timeoutMs: 15_000 });

test.each([
  ['behind', -5],
  ['ahead of', 5],
])('a daemon whose clock is hours %s that of the database makes the full pass when it is due', async (name, hours) => {
  const table = `hours_${name.slice(0, 5)}`;
  await db.pool.query(`create table ${table} (id int primary key, body text, embedding real[]);
    insert into ${table} select n, 'text ' || n from generate_series(1, 20) as n`);
  await addJob(db, { table });
  await using first = await startTestDaemon({ uri: db.uri });
  await untilRight(table);
  await first.daemon.stop();
  // Unseen; the last full pass was two hours ago by the clock of the database.
  await db.pool.query(`alter table ${table} disable trigger user; update ${table} set body = 'unseen ' || id where id < 9;
    alter table ${table} enable trigger user;
    update lamplighter.embedding_progress
    set full_pass_at = full_pass_at - interval '2 hours', next_full_pass_at = next_full_pass_at - interval '2 hours'`);
  const realNow = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + hours * HOUR_MS);
  await using _ = await startTestDaemon({ uri: db.uri });
  await untilRight(table);
  await db.pool.query('delete from jobs');
});
