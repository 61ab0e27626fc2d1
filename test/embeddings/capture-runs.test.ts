import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

async function settled(table: string, type: string, values = ''): Promise<PreparedJob> {
  await scene.run(`create table ${table} (id ${type} primary key, body text)${values}`);
  const job = await scene.prepare(table);
  await scene.settle(job);
  return job;
}

const countEntries = async () => (await scene.logged()).length;

describe('runs of integer keys', () => {
  test.each([
    ['smallint, to both ends', 'int2', '-32600, -32768', '32600, 32767'],
    ['integer, around 0', 'int4', '-100, 100', '2147483500, 2147483647'],
    [
      'bigint, to both ends',
      'int8',
      '-9223372036854775600, -9223372036854775808',
      '9223372036854775600, 9223372036854775807',
    ],
  ])(
    '%s: a bulk insert leaves two entries for each 32 keys behind 64, and every row is embedded once',
    async (_, type, ...ranges) => {
      const table = `run_${type}`;
      const job = await settled(table, type);
      for (const range of ranges) {
        const [from, to] = range.split(', ');
        await scene.run(
          `insert into ${table} select n, 'text ' || n from generate_series(${from}::numeric, ${to}::numeric, sign(${to}::numeric - ${from}::numeric)) as n`,
        );
      }
      const [{ count } = { count: 0 }] = (await scene.run(`select count(*)::int as count from ${table}`)) as {
        count: number;
      }[];
      expect(await countEntries()).toBeLessThanOrEqual(2 * (64 + 31) + 2 * Math.ceil((count - 2 * 64) / 32) + 4);
      expect(await scene.drain(job)).toHaveLength(count);
      expect(await scene.wrong(table)).toEqual([]);
    },
  );

  test('neighbours that have not changed are not embedded again', async () => {
    const job = await settled(
      'beside',
      'int',
      `; insert into beside select n, 'text ' || n from generate_series(0, 255) as n`,
    );
    await scene.run(`update beside set body = 'changed ' || id where id between 10 and 200`);
    // 64 alone, the other 22 of the run in which those end, and two each of runs 3 to 6.
    expect(await countEntries()).toBe(94);
    expect((await scene.drain(job)).toSorted()).toEqual(
      Array.from({ length: 191 }, (_, at) => `changed ${at + 10}`).toSorted(),
    );
    expect(await scene.wrong('beside')).toEqual([]);
  });

  test('a transaction of 64 changes notes no row beside them', async () => {
    const job = await settled('small', 'int');
    await scene.run(`insert into small select n, 'text ' || n from generate_series(1, 64) as n`);
    expect(await scene.run('select from lamplighter.change where run_length is not null')).toEqual([]);
    expect(await scene.drain(job)).toHaveLength(64);
  });

  test('a row that waits for its next try is not tried for a change beside it', async () => {
    const job = await settled('waits', 'int');
    await scene.run(`insert into waits values (100, 'bad')`);
    await writeVectors(scene.pool, job, await scene.claim(job), [{ error: 'bad', isRow: true }]);
    await scene.run(`update lamplighter.embedding_batch set due_at = now() + interval '1 hour' where job = ${job.id}`);
    await scene.run(`insert into waits select n, 'good' from generate_series(1, 99) as n`);
    expect(await scene.run('select key from lamplighter.change where run_length is not null')).toContainEqual({
      key: ['96'],
    });
    expect(new Set(await scene.drain(job))).toEqual(new Set(['good']));
    await scene.run(`update lamplighter.embedding_batch set due_at = now() where job = ${job.id}`);
    expect(await scene.drain(job)).toEqual(['bad']);
  });

  test('a row whose next try begins at this moment is looked at again: it may have been read before its change', async () => {
    const job = await settled('begins', 'int');
    await scene.run(`insert into begins values (100, 'first')`);
    await writeVectors(scene.pool, job, await scene.claim(job), [{ error: 'bad', isRow: true }]);
    await scene.run(`update lamplighter.embedding_batch set due_at = now() where job = ${job.id}`);
    const other = await scene.db.pool.connect();
    try {
      await other.query('begin');
      const text = 'select keys from lamplighter.claim_changes($1, $2, $3, 500, null)';
      const { rows } = await other.query(text, [job.id, job.generation, scene.holderId]);
      expect(rows).toEqual([{ keys: ['{100}'] }]);
      await scene.run(
        `begin; insert into begins select n, 'new' from generate_series(1, 99) as n; update begins set body = 'second' where id = 100; commit`,
      );
      expect((await scene.claim(job)).rows.map(({ text: read }) => read)).toContain('second');
    } finally {
      await other.query('rollback');
      other.release();
    }
  });

  test('a rollback to a savepoint takes the run back', async () => {
    const job = await settled('saved', 'int');
    await scene.run(
      `begin; insert into saved select n, 'first' from generate_series(1, 100) as n; savepoint s;
       insert into saved values (128, 'lost'), (129, 'lost'); rollback to s; insert into saved values (130, 'last'), (131, 'last'); commit`,
    );
    expect((await scene.drain(job)).filter((text) => text !== 'first')).toEqual(['last', 'last']);
    expect(await scene.wrong('saved')).toEqual([]);
  });

  test('another transaction notes the same run again', async () => {
    const job = await settled(
      'twice',
      'int',
      `; insert into twice select n, 'text ' || n from generate_series(1, 200) as n`,
    );
    await scene.run(
      `begin; update twice set body = 'a' where id <= 120; commit; begin; update twice set body = 'b' where id > 20; commit`,
    );
    expect(await scene.drain(job)).toHaveLength(200);
    await scene.run(`update twice set body = 'c' where id <= 120`);
    expect(await scene.drain(job)).toEqual(Array.from({ length: 120 }, () => 'c'));
    expect(await scene.wrong('twice')).toEqual([]);
  });

  test('keys that are no neighbours are noted alone', async () => {
    const job = await settled('apart', 'bigint');
    await scene.run(`insert into apart select n * 1000, 'text ' || n from generate_series(1, 100) as n`);
    expect(await scene.logged()).toHaveLength(100);
    expect(await scene.run('select from lamplighter.change where run_length is not null')).toEqual([]);
    expect(await scene.drain(job)).toHaveLength(100);
  });

  test('a claim takes little more than its limit, and another one the rest', async () => {
    const job = await settled('many', 'int');
    await scene.run(`insert into many select n, 'text ' || n from generate_series(1, 1000) as n`);
    const sizes: number[] = [];
    for (;;) {
      const { batch, taken } = await claimChanges(scene.pool, job, { holderId: scene.holderId, limit: 100 });
      if (taken === 0) break;
      if (batch === undefined) continue;
      sizes.push(batch.rows.length);
      await scene.answer(job, batch);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(132);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1000);
    expect(await scene.wrong('many')).toEqual([]);
  });

  test('what waits is counted in keys', async () => {
    const job = await settled('counted', 'int');
    await scene.run(`insert into counted select n, 'text ' || n from generate_series(0, 199) as n`);
    const [status] = await scene.run(
      `select queued::int as queued from lamplighter.embedding_status where job = ${job.id}`,
    );
    expect(Number(status?.['queued'])).toBeGreaterThanOrEqual(200);
    await scene.drain(job);
  });
});
