import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createVectorRig } from './vector-rig.ts';

/** So many milliseconds of computing on each text, in the process of the daemon. */
const TEXTS = `insert into computed (id, body) select n, '!block:100 text ' || n from generate_series(1, 60) as n`;

test('a model that computes in the process of the daemon costs no lease, and rows of other jobs go between its calls', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await rig.addTable('computed', 0, { isWanted: false });
  await rig.addTable('beside', 1);
  await rig.write(TEXTS);
  await using first = await rig.spawn();
  await using second = await rig.spawn();
  await rig.untilAtRest({ tables: ['beside'] });
  await rig.addJob('computed');
  const one = async (text: string) => Object.values((await rig.pool.query(text)).rows[0])[0];
  await eventually(
    async () =>
      expect(
        await one('select count(*)::int from lamplighter.embedding_batch where holder is not null'),
      ).toBeGreaterThan(0),
    { timeoutMs: 30_000 },
  );
  const former = await one('select embedding::text from beside');
  await rig.write(`update beside set body = 'changed'`, ['changed']);
  await eventually(async () => expect(await one('select embedding::text from beside')).not.toBe(former), {
    timeoutMs: 30_000,
  });
  expect(await one('select count(*)::int from computed where embedding is null')).toBeGreaterThan(0);
  await rig.expectProven();
  const { rows } = await rig.pool.query<{ writes: number }>(
    `select count(*)::int as writes from vector_history.change where actor = 'lamplighter daemon' and table_name = 'computed'`,
  );
  expect(rows).toEqual([{ writes: 60 }]);
  for (const daemon of [first, second]) {
    expect(daemon.stderr()).not.toMatch(/lease was lost|took over rows/);
  }
}, 90_000);

test('a text that keeps the process for longer than the lease says so, and is not lost', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await rig.addTable('long', 3);
  await rig.write(`update long set body = '!block:2600 text' where id = 2`);
  await using daemon = await rig.spawn();
  await rig.expectProven();
  expect(daemon.stderr()).toMatch(
    /nothing went on in this process for 2\.\d s: it could not renew its lease of 2\.0 s/,
  );
  expect(daemon.stderr()).toMatch(/the model \\?"test\/model\\?" computes in this process/);
}, 60_000);
