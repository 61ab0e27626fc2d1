import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { readPage, tableRows } from './markdown-page.ts';

const glossary = readPage('docs/concepts/glossary.md');
const verbs = ['Verbs for users', 'Verbs inside'].flatMap((heading) =>
  tableRows(glossary, heading)
    .slice(1)
    .map(([verb]) => verb),
);

/** Names that state a claim or hold a value instead of doing something. */
const NOT_VERBS = ['is', 'has', 'was', 'model', 'effective', 'autonomous', 'backlog', 'highest'];

test('every query and every function of the database begins with a verb of the glossary', async () => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const { rows } = await db.pool.query<{ name: string }>(
    "select p.proname as name from pg_proc as p where p.pronamespace = 'lamplighter'::regnamespace",
  );
  const queries = readdirSync(new URL('../../sql/queries/', import.meta.url));
  const first = (name: string) => /^[a-z]+/.exec(name)?.[0] ?? name;
  const used = new Set([...rows.map(({ name }) => first(name)), ...queries.map(first)]);
  expect([...used].filter((verb) => !verbs.includes(verb) && !NOT_VERBS.includes(verb))).toEqual([]);
});
