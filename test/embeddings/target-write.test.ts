import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddingBatch } from '../../src/embeddings/embedding-batch.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { eventually } from '../support/eventually.ts';
import { openSession, untilBlocked } from '../support/sql-session.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

async function settled(
  table: string,
  rows = 5,
  columns = 'id int primary key, n int, body text',
): Promise<PreparedJob> {
  await scene.run(
    `create table ${table} (${columns}); insert into ${table} (id, body) select n, 'text ' || n from generate_series(1, ${rows}) as n`,
  );
  const job = await scene.prepare(table);
  await scene.settle(job);
  return job;
}

/** The rows changed, claimed and, as far as a model is concerned, embedded. */
async function changed(table: string, job: PreparedJob): Promise<EmbeddingBatch> {
  await scene.run(`update ${table} set body = 'new ' || id`);
  return scene.claim(job);
}

/** Every waiting batch is due. */
const hurry = () => scene.run('update lamplighter.embedding_batch set due_at = clock_timestamp() where holder is null');

async function drainInHurry(job: PreparedJob): Promise<string[]> {
  await hurry();
  return scene.drain(job);
}

describe('a row that changes while it is being embedded', () => {
  test('an unrelated update moves it: it is written where it is now', async () => {
    const job = await settled('moved');
    const batch = await changed('moved', job);
    await scene.run('update moved set n = 1; update moved set n = 2');
    expect(await scene.answer(job, batch)).toMatchObject({ written: 5, skipped: 0 });
    expect(await scene.wrong('moved')).toEqual([]);
  });

  test('another text: the old vector is not written, and the new one is', async () => {
    const job = await settled('retold');
    const batch = await changed('retold', job);
    await scene.run(
      `update retold set body = 'newest' where id = 2; delete from retold where id = 3; update retold set id = 40 where id = 4`,
    );
    expect(await scene.answer(job, batch)).toMatchObject({ written: 2, skipped: 3 });
    await drainInHurry(job);
    expect(await scene.wrong('retold')).toEqual([]);
    expect(await scene.run(`select from lamplighter.embedding_batch where job = ${job.id}`)).toEqual([]);
  });

  test('two batches with the same row: the later text stays, whichever is written last', async () => {
    const job = await settled('raced', 1);
    const first = await changed('raced', job);
    await scene.run(`update raced set body = 'later'`);
    const second = await scene.claim(job);
    expect(await scene.answer(job, second)).toMatchObject({ written: 1 });
    expect(await scene.answer(job, first)).toMatchObject({ written: 0, skipped: 1 });
    expect(await drainInHurry(job)).toEqual([]);
    expect(await scene.wrong('raced')).toEqual([]);
  });

  test('an update that commits between our snapshot and our lock is written, or comes back', async () => {
    const job = await settled('tight', 200);
    const batch = await changed('tight', job);
    await using user = await openSession(scene.db.uri);
    const update = async () => {
      for (let n = 0; n < 30; n += 1) await user.client.query(`update tight set n = ${n} where id % 3 = ${n % 3}`);
    };
    const updates = update();
    const report = await scene.answer(job, batch);
    await updates;
    expect(report.written + report.skipped).toBe(200);
    await drainInHurry(job);
    expect(await scene.wrong('tight')).toEqual([]);
  });

  test('rows of one key, with and without the text that was claimed', async () => {
    await scene.run(`create table doubled (id int, body text)`);
    const job = await scene.prepare('doubled');
    await scene.settle(job);
    await scene.run(`insert into doubled values (1, 'same'), (1, 'same'), (1, 'other')`);
    const batch = await scene.claim(job);
    expect(batch.rows).toHaveLength(3);
    await scene.run(`update doubled set body = 'third' where body = 'other'`);
    await scene.answer(job, batch);
    await drainInHurry(job);
    expect(await scene.wrong('doubled')).toEqual([]);
  });
});

describe('locks of others', () => {
  test('a row that somebody holds is passed over, and comes back', async () => {
    const job = await settled('held');
    const batch = await changed('held', job);
    await using user = await openSession(scene.db.uri);
    await user.client.query('begin; select from held where id = 2 for update');
    expect(await scene.answer(job, batch)).toMatchObject({ written: 4, skipped: 1 });
    await user.client.query('commit');
    expect(await drainInHurry(job)).toEqual(['new 2']);
    expect(await scene.wrong('held')).toEqual([]);
  });

  test('LOCK TABLE: the batch waits for its next try, and no error is told', async () => {
    const job = await settled('closed');
    const batch = await changed('closed', job);
    await using user = await openSession(scene.db.uri);
    await user.client.query('begin; lock table closed in share mode');
    expect(await scene.answer(job, batch)).toMatchObject({ written: 0, failed: [] });
    await user.client.query('commit');
    await drainInHurry(job);
    expect(await scene.wrong('closed')).toEqual([]);
  });

  test('a deadlock with a transaction of the user ends ours', async () => {
    const job = await settled('deadly', 2);
    await scene.run(
      `create table counter (id int primary key, n int); insert into counter values (1, 0);
       create function count_writes() returns trigger language plpgsql as $$ begin update counter set n = n + 1; return new; end $$;
       create trigger count_writes before update on deadly for each row execute function count_writes()`,
    );
    const batch = await changed('deadly', job);
    await using user = await openSession(scene.db.uri);
    await user.client.query('begin; update counter set n = n + 1');
    const written = scene.answer(job, batch);
    // Ours holds a row and waits for the counter, which the user holds while it asks for a row of ours.
    await eventually(
      async () => {
        const { rows } = await scene.db.pool.query(
          'select from pg_stat_activity where pg_blocking_pids(pid) @> array[$1::int]',
          [user.pid],
        );
        expect(rows).toHaveLength(1);
      },
      { intervalMs: 2 },
    );
    await user.client.query(`update deadly set n = 1 where id = 1`);
    await user.client.query('commit');
    expect(await written).toMatchObject({ failed: [] });
    await drainInHurry(job);
    expect(await scene.wrong('deadly')).toEqual([]);
  });

  test.each(['read committed', 'repeatable read', 'serializable'])(
    '%s writers of other rows see no error',
    async (level) => {
      const table = `beside_${level.replace(' ', '_')}`;
      const job = await settled(table, 20);
      const batch = await changed(table, job);
      await using user = await openSession(scene.db.uri);
      await scene.run(`insert into ${table} values (100, 1, 'mine')`);
      await user.client.query(`begin isolation level ${level}; select count(*) from ${table} where id = 100`);
      await scene.answer(job, batch);
      await user.client.query(
        `update ${table} set n = 2 where id = 100; insert into ${table} values (101, 1, 'more'); commit`,
      );
      await drainInHurry(job);
      expect(await scene.wrong(table)).toEqual([]);
    },
  );

  test('a writer of the same row under READ COMMITTED waits for ours and keeps both', async () => {
    const job = await settled('shared', 1);
    const batch = await changed('shared', job);
    await using user = await openSession(scene.db.uri);
    await user.client.query('begin; update shared set n = 5');
    expect(await scene.answer(job, batch)).toMatchObject({ written: 0, skipped: 1 });
    await user.client.query('commit');
    await drainInHurry(job);
    expect(await scene.wrong('shared')).toEqual([]);
    expect(await scene.run('select n from shared')).toEqual([{ n: 5 }]);
  });
});

describe('the fence', () => {
  test('a late vector of the former model is refused, though the text is the same', async () => {
    const job = await settled('modelled', 3);
    const batch = await changed('modelled', job);
    const next = await scene.prepare('modelled', { model: 'm2' });
    expect(next.id).toBe(job.id);
    expect(BigInt(next.generation)).toBe(BigInt(job.generation) + 1n);
    await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
    await scene.settle(next);
    expect(await scene.wrong('modelled', 'm2')).toEqual([]);
  });

  test('the generation waits for the write in flight, and the write for no generation', async () => {
    const job = await settled('fenced', 2);
    const batch = await changed('fenced', job);
    await using user = await openSession(scene.db.uri);
    // The fence as a writer holds it.
    await user.client.query(
      `begin; select lamplighter.require_batch(${job.id}, ${job.generation}, ${batch.id}, '${batch.holderId}')`,
    );
    await using other = await openSession(scene.db.uri);
    const bump = other.client.query(`select lamplighter.cancel_embedding_job(${job.id})`);
    await untilBlocked(scene.db.pool, other);
    await user.client.query('commit');
    await bump;
    await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
  });

  test('a destination that was dropped and made again gets no vector of before', async () => {
    const job = await settled('dropped', 2);
    const batch = await changed('dropped', job);
    await scene.run('alter table dropped drop vec; alter table dropped add vec real[]');
    const again = await scene.prepare('dropped');
    await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
    await scene.settle(again);
    expect(await scene.wrong('dropped')).toEqual([]);
  });
});

describe('rows that fail on their own account', () => {
  const failuresOf = (job: PreparedJob) =>
    scene.run(
      `select key, attempts, is_final, error from lamplighter.embedding_failures where job = ${job.id} order by key`,
    );

  test('a row that the database refuses fails alone, five times, and then is left alone until somebody asks', async () => {
    const job = await settled('refused', 20);
    await scene.run(
      `alter table refused add constraint no_seven check (id <> 7 or vec[1] is distinct from 5) not valid`,
    );
    const batch = await changed('refused', job);
    expect(await scene.answer(job, batch)).toMatchObject({ written: 19, failed: [{ key: '{7}', isFinal: false }] });
    for (let tries = 2; tries <= 5; tries += 1) await drainInHurry(job);
    expect(await failuresOf(job)).toEqual([
      { key: '{7}', attempts: 5, is_final: true, error: expect.stringContaining('no_seven') },
    ]);
    await scene.settle(job);
    expect((await failuresOf(job))[0]).toMatchObject({ attempts: 5 });
    await scene.run('alter table refused drop constraint no_seven');
    expect(await scene.run(`select lamplighter.retry_embeddings(${job.id})::int as retried`)).toEqual([{ retried: 1 }]);
    await drainInHurry(job);
    expect(await failuresOf(job)).toEqual([]);
    expect(await scene.wrong('refused')).toEqual([]);
  });

  test('a trigger that changes the text with each write is named, and costs three calls and no more', async () => {
    const job = await settled('rewritten', 1);
    await scene.run(
      `create function grow() returns trigger language plpgsql as $$ begin new.body := new.body || '!'; return new; end $$;
       create trigger grow before update on rewritten for each row execute function grow()`,
    );
    await scene.run(`update rewritten set n = 1`);
    let calls = 0;
    for (let round = 0; round < 10; round += 1) calls += (await drainInHurry(job)).length;
    expect(calls).toBe(3);
    expect(await failuresOf(job)).toEqual([
      {
        key: '{1}',
        attempts: 3,
        is_final: true,
        error: 'The trigger "grow" changed the text as the vector was written',
      },
    ]);
  });

  test('a trigger that tidies the text once is no failure for long', async () => {
    const job = await settled('tidied', 1);
    await scene.run(
      `create function tidy() returns trigger language plpgsql as $$ begin new.body := trim(new.body); return new; end $$;
       insert into tidied (id, body) values (2, '  two  ');
       create trigger tidy before update on tidied for each row execute function tidy()`,
    );
    for (let round = 0; round < 4; round += 1) await drainInHurry(job);
    expect(await scene.wrong('tidied')).toEqual([]);
    expect(await failuresOf(job)).toEqual([]);
  });

  test('a trigger that swallows the write is named', async () => {
    const job = await settled('swallowed', 1);
    const batch = await changed('swallowed', job);
    await scene.run(
      `create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
       create trigger swallow before update on swallowed for each row execute function swallow()`,
    );
    expect(await scene.answer(job, batch)).toMatchObject({
      written: 0,
      failed: [{ key: '{1}', error: 'The trigger "swallow" swallowed the write of the vector' }],
    });
  });

  test('vectors of the wrong length, or with numbers that are none, are refused before they are written', async () => {
    const job = await settled('wrong', 2);
    const batch = await changed('wrong', job);
    const report = await writeVectors(scene.pool, job, batch, [
      Float32Array.of(1, 2),
      Float32Array.of(1, Number.NaN, 3),
    ]);
    expect(report.failed.map(({ error }) => error)).toEqual([
      'expected a vector of 3 numbers, got 2',
      'expected finite numbers in the vector',
    ]);
  });

  test("a provider's trouble is charged to nobody", async () => {
    const job = await settled('throttled', 2);
    const batch = await changed('throttled', job);
    const answers = batch.rows.map(({ text }) => (text === 'new 1' ? vectorOf(text) : { error: '429', isRow: false }));
    await writeVectors(scene.pool, job, batch, answers);
    expect(await failuresOf(job)).toEqual([]);
    expect(await drainInHurry(job)).toEqual(['new 2']);
    expect(await scene.wrong('throttled')).toEqual([]);
  });

  test('a table that cannot be updated at all is a fault of the job, and its batch goes back', async () => {
    const job = await settled('unidentified', 2);
    const batch = await changed('unidentified', job);
    await scene.run(
      'alter table unidentified drop constraint unidentified_pkey; create publication of_unidentified for table unidentified',
    );
    await expect(scene.answer(job, batch)).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: expect.stringContaining('replica identity'),
    });
    await scene.run('drop publication of_unidentified');
    expect((await scene.drain(job)).sort()).toEqual(['new 1', 'new 2']);
    expect(await scene.wrong('unidentified')).toEqual([]);
  });
});

test('writers, deleters and a daemon at once: no error of theirs, and every vector is of its text in the end', async () => {
  const job = await settled('busy', 100);
  const sessions = await Promise.all([openSession(scene.db.uri), openSession(scene.db.uri), openSession(scene.db.uri)]);
  const work = async ({ client }: { client: pg.Client }, seed: number) => {
    for (let step = 0; step < 60; step += 1) {
      const id = ((step * 37 + seed * 11) % 100) + 1;
      const lower = Math.min(id, ((step * 13) % 100) + 1);
      if (step % 7 === 0) await client.query(`delete from busy where id = ${id}`);
      else if (step % 7 === 1)
        await client.query(
          `insert into busy (id, body) values (${id}, 'again ${seed} ${step}') on conflict do nothing`,
        );
      else if (step % 7 === 2)
        await client.query(
          `begin; update busy set n = ${step} where id = ${lower}; update busy set body = body || '.' where id = ${Math.max(id, lower)}; commit`,
        );
      else await client.query(`update busy set body = 'text ${seed} ${step}' where id = ${id}`);
    }
  };
  let isBusy = true;
  const daemon = async () => {
    while (isBusy) await drainInHurry(job);
  };
  const daemons = [daemon(), daemon()];
  await Promise.all(sessions.map((session, index) => work(session, index)));
  isBusy = false;
  await Promise.all(daemons);
  for (const session of sessions) await session[Symbol.asyncDispose]();
  await drainInHurry(job);
  expect(await scene.wrong('busy')).toEqual([]);
  expect(await scene.run(`select from lamplighter.embedding_batch where job = ${job.id}`)).toEqual([]);
});
