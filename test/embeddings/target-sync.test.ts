import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

test('a backfill gives every row with text a vector, and a second pass finds nothing', async () => {
  await scene.run(
    `create table filled (id int primary key, body text);
     insert into filled select n, 'text ' || n from generate_series(1, 2000) as n;
     insert into filled values (5000, null), (5001, E' \\t\\n')`,
  );
  const job = await scene.prepare('filled');
  await scene.settle(job);
  expect(await scene.wrong('filled')).toEqual([]);
  expect(
    await scene.run(
      `select count(*)::int as stamps, count(text_hash)::int as texts from lamplighter.embedding_stamp where job = ${job.id}`,
    ),
  ).toEqual([{ stamps: 2002, texts: 2000 }]);
});

test('an insert, a new text, a blank one and a new key are followed; nothing else is', async () => {
  await scene.run(
    `create table live (id int primary key, body text, n int default 0); insert into live values (1, 'one'), (2, 'two')`,
  );
  const job = await scene.prepare('live');
  await scene.settle(job);
  await scene.run(`update live set n = 1; update live set body = body; insert into live values (3, 'three')`);
  expect(await scene.drain(job)).toEqual(['three']);
  await scene.run(
    `update live set body = 'uno' where id = 1; update live set body = ' ' where id = 2; update live set id = 30 where id = 3`,
  );
  expect((await scene.drain(job)).sort()).toEqual(['three', 'uno']);
  expect(await scene.wrong('live')).toEqual([]);
  await scene.run(
    `update live set body = 'dos' where id = 2; update live set body = null where id = 1; delete from live where id = 30`,
  );
  expect(await scene.drain(job)).toEqual(['dos']);
  expect(await scene.wrong('live')).toEqual([]);
});

test('a text that was changed and changed back is not embedded again', async () => {
  await scene.run(`create table back (id int primary key, body text); insert into back values (1, 'one')`);
  const job = await scene.prepare('back');
  await scene.settle(job);
  await scene.run(`update back set body = 'other'; update back set body = 'one'`);
  expect(await scene.drain(job)).toEqual([]);
  expect(await scene.wrong('back')).toEqual([]);
});
