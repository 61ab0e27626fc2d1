import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const IS_PUBLIC_FUNCTION = `(p.oid::regprocedure::text like 'steadytext%' or p.oid::regprocedure::text like 'lantern.%')`;
const IS_PUBLIC_RELATION = `(c.oid::regclass::text like 'steadytext%' or c.oid::regclass::text like 'lantern.%')`;

const named = async (query: string) => (await db.pool.query<{ name: string }>(query)).rows.map(({ name }) => name);

test('every public function has a comment that says what it does and what each parameter means', async () => {
  const functions = await named(
    `select p.oid::regprocedure::text as name from pg_proc as p
     where ${IS_PUBLIC_FUNCTION}`,
  );
  expect(functions.length).toBeGreaterThan(15);
  const missing = await named(
    `select p.oid::regprocedure || ' ' || coalesce(a.name, '') as name
     from pg_proc as p
     left join lateral unnest(p.proargnames[:p.pronargs]) as a (name) on true
     where ${IS_PUBLIC_FUNCTION}
       and (obj_description(p.oid, 'pg_proc') is null or position(a.name || ': ' in obj_description(p.oid, 'pg_proc')) = 0)`,
  );
  expect(missing).toEqual([]);
});

test('every public table, view and column, and every table of the private schema, has a comment', async () => {
  const missing = await named(
    `select c.oid::regclass || coalesce('.' || a.attname, '') as name
     from pg_class as c
     left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       and ${IS_PUBLIC_RELATION}
     where c.relkind in ('r', 'p', 'v')
       and (c.relnamespace = 'lamplighter'::regnamespace or ${IS_PUBLIC_RELATION})
       and (obj_description(c.oid, 'pg_class') is null or (a.attnum is not null and col_description(c.oid, a.attnum) is null))`,
  );
  expect(missing).toEqual([]);
});

test('no function reads its literals in two ways: a backslash is in E literals, or the function sets how it is read', async () => {
  const { rows } = await db.pool.query<{ name: string; body: string }>(
    `select p.oid::regprocedure::text as name, p.prosrc as body
     from pg_proc as p
     where (p.pronamespace = 'lamplighter'::regnamespace or ${IS_PUBLIC_FUNCTION})
       and 'standard_conforming_strings=on' <> all (coalesce(p.proconfig, '{}'))`,
  );
  const literals = (body: string) => body.match(/--.*|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'/gi) ?? [];
  const wrong = rows.filter(({ body }) => literals(body).some((text) => text.startsWith("'") && text.includes('\\')));
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test('every table has a primary key, so that a publication for all tables refuses no change', async () => {
  const missing = await named(
    `select c.oid::regclass::text as name
     from pg_class as c
     where c.relkind in ('r', 'p') and c.relreplident <> 'f'
       and (c.relnamespace = 'lamplighter'::regnamespace or ${IS_PUBLIC_RELATION})
       and not exists (select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p')`,
  );
  expect(missing).toEqual([]);
});
