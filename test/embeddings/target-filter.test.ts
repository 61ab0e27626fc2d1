import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
let table: string;
let serial = 0;

beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  serial += 1;
  table = `articles_${serial}`;
  await scene.run(`create table ${table} (id int primary key, body text, is_public boolean, note text);
    insert into ${table} values (1, 'one', true), (2, 'two', false), (3, 'three', null)`);
});

const prepare = (changes = {}) => scene.prepare(table, { filterColumn: 'is_public', ...changes });
const embedded = async () =>
  (await scene.run(`select id from ${table} where vec is not null order by id`)).map(({ id }) => id);

test('a pass gives vectors to the rows that the filter lets in, and to no other', async () => {
  const job = await prepare();
  await scene.settle(job);
  expect(await embedded()).toEqual([1]);
});

test('a row that enters the filter gets its vector, one that leaves it loses it', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(`update ${table} set is_public = not is_public where id < 3`);
  expect(await scene.drain(job)).toEqual(['two']);
  expect(await embedded()).toEqual([2]);
  await scene.run(`update ${table} set is_public = null where id = 2`);
  expect(await scene.drain(job)).toEqual([]);
  expect(await embedded()).toEqual([]);
});

test('an insert is embedded when the filter lets it in', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(`insert into ${table} values (4, 'four', true), (5, 'five', false)`);
  expect(await scene.drain(job)).toEqual(['four']);
});

test('an update of the filter between values that are not true, or of another column, is not logged', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(`update ${table} set is_public = null where id = 2;
    update ${table} set is_public = false where id = 3; update ${table} set note = 'x'`);
  expect(await scene.logged()).toEqual([]);
});

test('a row that leaves the filter while it is being embedded gets no vector', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(`update ${table} set body = 'uno' where id = 1`);
  const batch = await scene.claim(job);
  await scene.run(`update ${table} set is_public = false where id = 1`);
  await scene.answer(job, batch);
  await scene.drain(job);
  expect(await embedded()).toEqual([]);
});

test('what changed unseen is found by the next full pass', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(`alter table ${table} disable trigger user; update ${table} set is_public = not is_public where id < 3;
    alter table ${table} enable trigger user`);
  await scene.settle(job);
  expect(await embedded()).toEqual([2]);
});

test('a filter that is added, changed or taken away is heeded for all rows', async () => {
  const all = await scene.prepare(table);
  await scene.settle(all);
  expect(await embedded()).toEqual([1, 2, 3]);
  await scene.settle(await prepare());
  expect(await embedded()).toEqual([1]);
  await scene.run(`alter table ${table} add column is_old boolean not null default true`);
  await scene.settle(await prepare({ filterColumn: 'is_old' }));
  expect(await embedded()).toEqual([1, 2, 3]);
  await scene.run(`alter table ${table} drop column is_old`);
  await expect(prepare({ filterColumn: 'is_old' })).rejects.toThrow('has no column "is_old" for filter_column');
  await scene.settle(await scene.prepare(table));
  expect(await embedded()).toEqual([1, 2, 3]);
});

test('statements go on when the filter column is renamed, and a full pass becomes due', async () => {
  const job = await prepare();
  await scene.settle(job);
  await scene.run(
    `alter table ${table} rename column is_public to is_open; update ${table} set note = 'y' where id = 1`,
  );
  expect(await scene.logged()).toEqual([null]);
  await scene.settle(await prepare({ filterColumn: 'is_open' }));
  expect(await embedded()).toEqual([1]);
});

test('a stored generated column can be the filter, and so can a domain over boolean', async () => {
  await scene.run(`alter table ${table} add column is_long boolean generated always as (length(body) > 3) stored;
    drop domain if exists flag; create domain flag as boolean; alter table ${table} add column chosen flag`);
  await scene.settle(await prepare({ filterColumn: 'is_long' }));
  expect(await embedded()).toEqual([3]);
  const job = await prepare({ filterColumn: 'chosen' });
  await scene.settle(job);
  expect(await embedded()).toEqual([]);
  await scene.run(`update ${table} set chosen = true where id = 2`);
  await scene.drain(job);
  expect(await embedded()).toEqual([2]);
});

test('a filter that is no boolean is refused by name', async () => {
  await expect(prepare({ filterColumn: 'note' })).rejects.toThrow(
    'The filter column "note" is of type text, and has to be boolean',
  );
});

test('a filter with an odd name is quoted', async () => {
  const odd = `is "open"; drop table ${table}; --`;
  await scene.run(`alter table ${table} rename column is_public to "${odd.replaceAll('"', '""')}"`);
  await scene.settle(await prepare({ filterColumn: odd }));
  expect(await embedded()).toEqual([1]);
});
