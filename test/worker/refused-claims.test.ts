import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, generate, rowsOf, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$`);
});
afterAll(() => db[Symbol.asyncDispose]());

test.each(['before', 'after'])(
  'requests that a trigger %s the change refuses to be claimed hold up neither their lane nor any other',
  async (when) => {
    const cursed = await embed(db.pool, ['cursed', 'cursed too'], { priority: 9 });
    await db.pool.query(`create trigger refuse ${when} update on steadytext_queue for each row
      when (new.status = 'processing' and old.priority = 9) execute function refuse()`);
    await using tested = await startTestWorker({ uri: db.uri });
    for (let round = 0; round < 3; round += 1) {
      const ids = [await generate(db.pool, `other lane ${round}`), ...(await embed(db.pool, [`same lane ${round}`]))];
      await untilStatus(db.pool, ids, 'completed', { timeoutMs: 4_000 });
    }
    expect(await rowsOf(db.pool, cursed)).toMatchObject(cursed.map(() => ({ status: 'pending', attempt: 0 })));
    expect(tested.warnings()).toMatchObject([{ msg: 'could not claim some requests: not this one' }]);
    await db.pool.query('drop trigger refuse on steadytext_queue');
    await untilStatus(db.pool, cursed, 'completed');
  },
);
