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

const operator = (name: string, left: string, right: string, body: string) =>
  `create operator public.${name} (leftarg = ${left}, rightarg = ${right}, function = public.${body});`;

describe('operators that somebody else creates in public are not used by', () => {
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

  test('(a query that would use one is found)', async () => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      const hijacked = await listHijacked(
        client,
        `select c.relname from pg_catalog.pg_class as c where c.relname like 'a%'`,
      );
      expect(hijacked).toEqual(['public.~~(name,name)']);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

/** The operators in public that the query resolves to: those that a function made of it depends on. */
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
    `select d.refobjid::regoperator::text as name
     from pg_depend as d
     where d.objid = (select oid from pg_proc where proname = 'candidate') and d.refclassid = 'pg_operator'::regclass`,
  );
  return rows.map((row) => row.name).sort();
}
