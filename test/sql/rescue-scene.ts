import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

/** A database for the tests of one file, which each begin without requests and workers, and what these tests do with it. */
export function setUpRescues() {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db[Symbol.asyncDispose]());
  beforeEach(() =>
    db.pool.query('delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.quarantine'),
  );
  const rowsOf = async (text: string) => (await db.pool.query(text)).rows;

  return {
    database: () => db,
    rescue: (maxRetries = 3) => rescueRequests(db.pool, maxRetries),
    enqueue: (count: number) =>
      db.pool.query(
        `select steadytext_embed_batch_async(array(select 't' || n from generate_series(1, $1::int) as n))`,
        [count],
      ),
    rowsOf,
    /** The deaths that are on record, of each request that was there at one. */
    remembered: async () =>
      (await rowsOf('select deaths from lamplighter.quarantine order by id')).map(({ deaths }) => deaths),
    /** Registers a worker, lets it claim, and kills it. */
    async dieWith(count: number): Promise<ClaimedRequest[]> {
      const worker = await startSqlWorker(db.pool);
      const claimed = await worker.claim({ limit: count });
      await worker.fallSilent();
      return claimed;
    },
  };
}
