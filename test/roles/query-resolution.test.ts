import { readdirSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// PostgreSQL 14 lets every role create objects in public, which is on everybody's search path. An operator for exactly the types of
// an expression wins over a built-in one that needs a conversion, and then runs as whoever runs the query: the owner, a worker.
const TYPES = [
  '"char"',
  'boolean',
  'bytea',
  'double precision',
  'integer',
  'bigint',
  'interval',
  'jsonb',
  'name',
  'numeric',
  'oid',
  'regclass',
  'regnamespace',
  'regproc',
  'regprocedure',
  'regrole',
  'text',
  'timestamptz',
  'uuid',
  'xid',
] as const;
const COMPARISONS = ['=', '<>', '<', '<=', '>', '>=', '~~', '!~~', '~'] as const;
const ARITHMETIC = ['||', '+', '-', '*', '/'] as const;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('create schema probe');
  await database.pool.query(HOSTILE_OVERLOADS);
  for (const left of TYPES) await database.pool.query(hostileOperators(left));
});
afterAll(() => database[Symbol.asyncDispose]());

function hostileOperators(left: string): string {
  return TYPES.flatMap((right) => [
    `create function public.hijack(${left}, ${right}) returns boolean language sql as 'select true';`,
    `create function public.hijack_value(${left}, ${right}) returns ${left} language sql as 'select $1';`,
    ...COMPARISONS.map((name) => operator(name, left, right, 'hijack')),
    ...ARITHMETIC.map((name) => operator(name, left, right, 'hijack_value')),
  ]).join('\n');
}

/** Beside each public function one that takes texts: the server prefers it for parameters whose type nobody names. */
const HOSTILE_OVERLOADS = `
  do $$
  declare
    target record;
  begin
    for target in
      select p.proname, (select string_agg('text', ', ') from generate_series(1, p.pronargs)) as arguments
      from pg_catalog.pg_proc as p
      where p.pronamespace = 'public'::regnamespace and p.proname like 'steadytext%'
        and exists (select from unnest(p.proargtypes) as type where type <> 'text'::regtype)
    loop
      execute format('create function public.%I(%s) returns %s language plpgsql as $hijack$ begin return null; end $hijack$', target.proname,
        target.arguments, case when target.proname like '%batch_async' then 'text[]' else 'text' end);
    end loop;
  end
  $$`;

const operator = (name: string, left: string, right: string, body: string) =>
  `create operator public.${name} (leftarg = ${left}, rightarg = ${right}, function = public.${body});`;

describe('operators and functions that somebody else creates in public are not used by', () => {
  const names = readdirSync(new URL('../../sql/queries/', import.meta.url)).map((file) => file.replace(/\.sql$/, ''));

  test.each(names)('%s.sql', async (name) => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      expect(await listHijacked(client, loadQuery(name))).toEqual([]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test.each([
    [`select c.relname from pg_catalog.pg_class as c where c.relname like 'a%'`, 'public.~~(name,name)'],
    ['select public.steadytext_cancel_async($1)', 'public.steadytext_cancel_async(text)'],
  ])('(a query that would use one is found) %s', async (query, hijacker) => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      expect(await listHijacked(client, query)).toEqual([hijacker]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

/** The hostile operators and functions that the query resolves to: those that a function made of it depends on. */
async function listHijacked(client: pg.PoolClient, query: string): Promise<string[]> {
  await client.query('set local search_path = public');
  await client.query(`prepare candidate as ${query}`);
  const { rows: parameters } = await client.query<{ types: string }>(
    `select array_to_string(parameter_types, ', ') as types from pg_prepared_statements where name = 'candidate'`,
  );
  await client.query('deallocate candidate');
  await client.query(
    `create function probe.candidate(${parameters[0]?.types ?? ''}) returns setof record language sql begin atomic ${query}; end`,
  );
  // Or this query, too, would use them.
  await client.query('set local search_path = pg_catalog');
  const { rows } = await client.query<{ name: string }>(
    `select case d.refclassid when 'pg_operator'::regclass then d.refobjid::regoperator::text
                              else d.refobjid::regprocedure::text end as name
     from pg_depend as d
     left join pg_proc as f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
     where d.objid = (select oid from pg_proc where proname = 'candidate')
       and (d.refclassid = 'pg_operator'::regclass or f.prosrc = ' begin return null; end ')`,
  );
  return rows.map((row) => row.name).sort();
}
