import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

test('a table that is written to all the time is filled all the same', async () => {
  await using db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(
    `create table articles (id integer primary key, body text);
     insert into articles select n, 'text ' || n from generate_series(1, 200) as n`,
  );
  // Each claim finds a change: there is another one before the last one has been embedded.
  let isStopped = false;
  const write = async (id: number) => {
    for (let n = 0; !isStopped; n += 1) {
      await db.pool.query('update articles set body = $2 where id = $1', [id, `busy ${id} ${n} !sleep:5`]);
      await delay(1);
    }
  };
  const writers = [1, 2, 3, 4].map(write);
  await using _daemon = await startTestDaemon({ uri: db.uri, batchRows: 10 });
  await addJob(db, { table: 'articles' });
  try {
    await eventually(
      async () => {
        const { rows } = await db.pool.query('select count(embedding)::int as filled from articles where id > 10');
        expect(rows).toEqual([{ filled: 190 }]);
      },
      { timeoutMs: 40_000 },
    );
  } finally {
    isStopped = true;
    await Promise.all(writers);
  }
  await db.pool.query('delete from articles where id < 5');
  await eventually(async () => expect(await findVectorFaults(db, 'articles')).toEqual(NO_FAULTS), {
    timeoutMs: 20_000,
  });
}, 90_000);
