import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const NAMES = readdirSync(new URL('../../sql/queries/', import.meta.url)).map((file) => file.replace(/\.sql$/, ''));

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

test.each(NAMES)('%s is one statement, prepares with an empty search_path, and says what it does', async (name) => {
  const text = loadQuery(name);
  expect(text).toMatch(/^-- [A-Z].*\n/);
  const client = await db.pool.connect();
  try {
    await client.query(`set search_path = ''`);
    await client.query(`prepare "${name}" as ${text}`);
    const { rows } = await client.query<{ types: string[] }>(
      'select parameter_types::text[] as types from pg_prepared_statements where name = $1',
      [name],
    );
    const header = text.slice(0, text.search(/^[^-]/m));
    for (const position of (rows[0]?.types ?? []).keys()) {
      expect(header, 'the comment explains each parameter').toContain(`$${position + 1}`);
    }
  } finally {
    client.release(true);
  }
});

test('every query file is loaded by some operation', () => {
  const source = new URL('../../src/', import.meta.url);
  const texts = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(new URL(file, source), 'utf8'));
  expect(NAMES.filter((name) => !texts.some((text) => text.includes(`loadQuery('${name}')`)))).toEqual([]);
});
