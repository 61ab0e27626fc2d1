import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

test('a partitioned table: rows through the root, written to leaves, moved, and in partitions made or attached later', async () => {
  await scene.run(
    `create table parted (id int, region text, body text, primary key (id, region)) partition by list (region);
     create table parted_a partition of parted for values in ('a');
     create table parted_b partition of parted for values in ('b') partition by range (id);
     create table parted_b1 partition of parted_b for values from (0) to (1000);
     insert into parted select n, case when n % 2 = 0 then 'a' else 'b' end, 'text ' || n from generate_series(1, 40) as n`,
  );
  const job = await scene.prepare('parted');
  await scene.settle(job);
  expect(await scene.wrong('parted')).toEqual([]);

  await scene.run(
    `update parted set body = 'through the root ' || id where id < 5; insert into parted_a values (100, 'a', 'to the leaf');
     update parted_b1 set body = 'in the leaf' where id = 7; update parted set region = 'b' where id = 10; update parted set region = 'a' where id = 11;
     create table parted_c partition of parted for values in ('c'); insert into parted values (200, 'c', 'made later');
     create table parted_d (id int not null, region text not null, body text, vec real[]); insert into parted_d values (300, 'd', 'was there');
     alter table parted attach partition parted_d for values in ('d'); insert into parted_d values (301, 'd', 'attached')`,
  );
  const again = await scene.prepare('parted');
  expect(again.generation).toBe(job.generation);
  await scene.drain(again);
  expect(await scene.wrong(`parted where id <> 300`.replace('where', 'as p where'))).toEqual([]);
  await scene.settle(again);
  expect(await scene.wrong('parted')).toEqual([]);

  await scene.run(
    `alter table parted detach partition parted_d; update parted_d set body = 'on its own'; insert into parted values (400, 'c', 'still here')`,
  );
  expect(await scene.drain(await scene.prepare('parted'))).toEqual(['still here']);
});

test('a partition that is being written while its row moves to another one', async () => {
  await scene.run(
    `create table moving (id int, region text, body text) partition by list (region);
     create table moving_a partition of moving for values in ('a'); create table moving_b partition of moving for values in ('b')`,
  );
  const job = await scene.prepare('moving', { pk: 'id' });
  await scene.settle(job);
  await scene.run(`insert into moving select n, 'a', 'text ' || n from generate_series(1, 10) as n`);
  const batch = await scene.claim(job);
  await scene.run(`update moving set region = 'b' where id <= 5`);
  expect(await scene.answer(job, batch)).toMatchObject({ written: 10 });
  await scene.drain(job);
  expect(await scene.wrong('moving')).toEqual([]);
});

test('a table with heirs: each has a trigger, those made later as well', async () => {
  await scene.run(
    `create table parent (id int primary key, body text); create table child (extra int) inherits (parent);
     insert into parent values (1, 'one'); insert into child values (2, 'two', 0)`,
  );
  const job = await scene.prepare('parent');
  await scene.settle(job);
  expect(await scene.wrong('parent')).toEqual([]);
  await scene.run(`update child set body = 'dos'; create table second_child () inherits (parent)`);
  const again = await scene.prepare('parent');
  await scene.run(`insert into second_child values (3, 'three')`);
  expect((await scene.drain(again)).sort()).toEqual(['dos', 'three']);
  expect(await scene.wrong('parent')).toEqual([]);
});

test('a plain table that becomes a partition of another job’s table stays its own job’s', async () => {
  await scene.run(`create table lone (id int not null, body text); insert into lone values (1, 'one')`);
  const job = await scene.prepare('lone', { pk: 'id' });
  await scene.settle(job);
  await scene.run(
    `create table whole (id int not null, body text, vec real[]) partition by range (id); alter table whole attach partition lone default`,
  );
  await scene.run(`insert into whole values (2, 'two'); update whole set body = 'uno' where id = 1`);
  const again = await scene.prepare('lone', { pk: 'id' });
  expect((await scene.drain(again)).sort()).toEqual(['two', 'uno']);
  expect(await scene.wrong('lone')).toEqual([]);
});

test.each([
  ['varchar(20)', `'short'`],
  ['note', `'of a domain'`],
  ['jsonb', `'{"a": [1, 2]}'`],
  ['json', `'{"a":  1}'`],
  ['xml', `'<a>1</a>'`],
  ['char(9)', `'padded'`],
  ['mood_of_text', `'glad'`],
])('a source of type %s', async (type, value) => {
  const table = `source_${type.replace(/\W/g, '_')}`;
  await scene.run(
    `do $$ begin create domain note as text check (length(value) < 100); create type mood_of_text as enum ('glad', 'sad'); exception when duplicate_object then null; end $$;
     create table ${table} (id int primary key, body ${type}); insert into ${table} values (1, ${value})`,
  );
  const job = await scene.prepare(table);
  await scene.settle(job);
  expect(await scene.wrong(table)).toEqual([]);
  await scene.run(`update ${table} set body = body`);
  expect(await scene.logged()).toEqual([]);
  await scene.run(`update ${table} set body = null`);
  await scene.drain(job);
  expect(await scene.run(`select vec from ${table}`)).toEqual([{ vec: null }]);
});

test('odd Unicode, control characters and texts of 1 MB arrive as they are', async () => {
  await scene.run('create table odd (id int primary key, body text)');
  const job = await scene.prepare('odd');
  await scene.settle(job);
  const texts = [
    '\u{1F600} e\u0301 \u202Ertl',
    '\u00a0',
    '\u3000',
    "'; drop table odd; --",
    '\\x00 \\',
    'a\u0001b',
    'x'.repeat(1_000_000),
  ];
  for (const [index, text] of texts.entries())
    await scene.db.pool.query('insert into odd values ($1, $2)', [index, text]);
  expect((await scene.drain(job)).sort()).toEqual([...texts].sort());
  expect(await scene.wrong('odd')).toEqual([]);
});

test('texts that a collation takes for equal are told apart', async () => {
  await scene.run(
    `create collation if not exists blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
     create table collated (id text collate blind primary key, body text collate blind); insert into collated values ('Key', 'apple')`,
  );
  const job = await scene.prepare('collated');
  await scene.settle(job);
  await scene.run(`update collated set body = 'APPLE'`);
  expect(await scene.drain(job)).toEqual(['APPLE']);
  await scene.run(`update collated set id = 'KEY', body = 'pear'`);
  await scene.drain(job);
  expect(await scene.wrong('collated')).toEqual([]);
});
