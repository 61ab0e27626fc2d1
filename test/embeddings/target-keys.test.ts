import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;

beforeAll(async () => {
  scene = await createTargetScene();
  await scene.run(`
    create extension citext;
    create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create collation deaf (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
    create collation swedish (provider = icu, locale = 'sv');
    create type mood as enum ('sad', 'so "so"', 'glad');
    create domain code as text collate blind check (length(value) < 20);
    create domain positive as numeric check (value > 0);
    create type spot as (x numeric, y text collate blind)`);
});
afterAll(() => scene[Symbol.asyncDispose]());

interface KeyCase {
  /** The type of the key. */
  readonly type: string;
  /** Values that are all different. */
  readonly values: readonly string[];
  /** For the first of them another spelling, which is equal to it. */
  readonly respelt?: string;
}

const CASES: readonly KeyCase[] = [
  { type: 'text collate blind', values: [`'Key'`, `'two'`, `''`], respelt: `'KEY'` },
  { type: 'text collate deaf', values: [`'Résumé'`, `'straße'`, `'two'`], respelt: `'RESUME'` },
  { type: 'text collate swedish', values: [`'ö'`, `'o'`, `'O'`] },
  { type: 'citext', values: [`'Key'`, `'two'`, `'NULL'`], respelt: `'KEY'` },
  { type: 'code', values: [`'Key'`, `'two'`], respelt: `'KEY'` },
  { type: 'char(6)', values: [`'ab'`, `'abc'`], respelt: `'ab  '` },
  { type: '"char"', values: [`'k'`, `'K'`] },
  { type: 'numeric', values: ['1.0', `'NaN'`, `'Infinity'`, '-0.0', '1e30'], respelt: '1.00' },
  { type: 'positive', values: ['1.0', '2'], respelt: '1.000' },
  {
    type: 'float8',
    values: [`'-0'`, `'NaN'`, `'Infinity'`, `'-Infinity'`, '0.1::float8 + 0.2', '5e-324'],
    respelt: '0',
  },
  {
    type: 'timestamptz',
    values: [`'infinity'`, `'-infinity'`, `'2026-03-29 02:30:00.123456+01'`, `'0044-03-15 12:00:00+00 BC'`],
  },
  { type: 'date', values: [`'infinity'`, `'2026-04-03'`, `'0044-03-15 BC'`] },
  { type: 'interval', values: [`'1 month'`, `'1 year -3 days 04:05:06.7'`], respelt: `'30 days'` },
  { type: 'uuid', values: [`'4d2c2e6a-6f0e-4b52-8d1f-0f2a6c1f7a10'`, `'00000000-0000-0000-0000-000000000000'`] },
  { type: 'bytea', values: [`'\\x'`, `'\\x00ff27'`, `'\\x5c'`] },
  { type: 'inet', values: [`'10.0.0.1'`, `'10.0.0.1/8'`, `'::1'`] },
  { type: 'mood', values: [`'so "so"'`, `'glad'`] },
  { type: 'numeric[]', values: [`'{1.0,NULL}'`, `'{}'`, `'{{1},{2}}'`], respelt: `'{1.00,NULL}'` },
  { type: 'numrange', values: [`'[1.0,2)'`, `'empty'`, `'(,)'`], respelt: `'[1.00,2)'` },
  { type: 'spot', values: [`row(1.0, 'Key')::spot`, `row(2, null)::spot`], respelt: `row(1.00, 'KEY')::spot` },
  { type: 'jsonb', values: [`'{"a": 1.0}'`, `'null'`, `'[]'`], respelt: `'{"a": 1.00}'` },
];

/** The vectors in the rows, and the chunks of the other job, are those of the texts. */
async function expectRight(table: string): Promise<void> {
  expect(await scene.wrong(table)).toEqual([]);
  const { rows: texts } = await scene.db.pool.query<{ body: string }>(`select body from ${table} where body <> ''`);
  const { rows: chunks } = await scene.db.pool.query<{ chunk: string; vec: number[] }>(
    `select c.chunk, c.vec from ${table}_chunks as c`,
  );
  expect(chunks.map(({ chunk, vec }) => `${chunk} ${vec}`).sort()).toEqual(
    texts.map(({ body }) => `${body} ${[...vectorOf(body)]}`).sort(),
  );
  const failures = await scene.run('select key, error from lamplighter.embedding_failures');
  expect(failures).toEqual([]);
}

async function prepareBoth(table: string, changes: { readonly pk?: string } = {}): Promise<readonly PreparedJob[]> {
  const chunks = { schema: 'public', table: `${table}_chunks`, size: 64, overlap: 0 };
  return [
    await scene.prepare(table, changes),
    await scene.prepare(table, { ...changes, jobId: `${table} in chunks`, chunks }),
  ];
}

/** Inserts, updates of text and key, deletes, the same unseen by capture: after each, all is right. */
async function expectServed(table: string, jobs: readonly PreparedJob[], { values, respelt }: KeyCase): Promise<void> {
  const drain = async () => {
    for (const job of jobs) await scene.drain(job);
  };
  for (const job of jobs) await scene.settle(job);
  await expectRight(table);
  await scene.run(`update ${table} set body = upper(body)`);
  await drain();
  await expectRight(table);
  const [first = '', second] = values;
  if (respelt !== undefined) {
    await scene.run(`update ${table} set id = ${respelt} where n = 1`);
    await drain();
    await expectRight(table);
    await scene.run(`update ${table} set id = ${first}, body = 'back again' where n = 1`);
    await drain();
    await expectRight(table);
  }
  await scene.run(`begin; delete from ${table} where n = 1; insert into ${table} values (${first}, 1, 'anew'); commit`);
  await drain();
  await expectRight(table);
  if (second !== undefined) {
    await scene.run(`delete from ${table} where n = 1; update ${table} set id = ${first}, body = 'moved' where n = 2`);
    await drain();
    await expectRight(table);
  }
  await scene.run(`alter table ${table} disable trigger user; update ${table} set body = 'unseen ' || n;
    update ${table} set id = ${respelt ?? first} where id = ${first}; alter table ${table} enable trigger user`);
  for (const job of jobs) await scene.settle(job);
  await expectRight(table);
}

test.each(CASES)('a key of type $type: vectors and chunks are right, whatever its values are equal to', async (one) => {
  const table = `keys_${CASES.indexOf(one)}`;
  const rows = one.values.map((value, at) => `(${value}, ${at + 1}, 'Text ${at}')`);
  await scene.run(`create table ${table} (id ${one.type} primary key, n integer, body text collate blind);
    insert into ${table} values ${rows.join(', ')}`);
  await expectServed(table, await prepareBoth(table), one);
});

test('keys of several columns, under collations that take different values for equal', async () => {
  await scene.run(`create table several (id text collate blind, n integer, body text, part citext default 'Part', amount numeric default 1.0,
      primary key (id, part, amount)); insert into several values ('Key', 1, 'One'), ('two', 2, 'Two')`);
  await expectServed('several', await prepareBoth('several'), {
    type: '',
    values: [`'Key'`, `'two'`],
    respelt: `'KEY'`,
  });
  await scene.run(`update several set part = 'PART', amount = 1.00, body = 'other'`);
});

test.each([
  ['identity', 'bigint generated always as identity primary key', 'default'],
  ['serial', 'serial primary key', 'default'],
  ['computed', `text generated always as ('key ' || n) stored primary key`, 'default'],
])('a key that the server makes: %s', async (name, definition, value) => {
  const table = `made_${name}`;
  await scene.run(`create table ${table} (id ${definition}, n integer, body text);
    insert into ${table} values (${value}, 1, 'one'), (${value}, 2, 'two')`);
  const jobs = await prepareBoth(table);
  for (const job of jobs) await scene.settle(job);
  await expectRight(table);
  await scene.run(
    `update ${table} set n = n + 10, body = body || '!'; insert into ${table} values (${value}, 3, 'three')`,
  );
  for (const job of jobs) await scene.drain(job);
  await expectRight(table);
});
