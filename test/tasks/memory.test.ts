import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { spawnProcess } from '../support/process.ts';

const MOST_BYTES = 50_000_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(() => db?.[Symbol.asyncDispose]());

test.each<[string, string, object]>([
  ['10 million rows', 'select g, g::text from generate_series(1, 10000000) g', { kind: 'done', rowCount: 10_000_000 }],
  ['rows of 100 MB', "select repeat('x', 100000000) from generate_series(1, 3)", { kind: 'done', rowCount: 3 }],
  ['an error of 120 MB', "do $$ begin raise exception '%', repeat('x', 120000000); end $$", { kind: 'error' }],
  [
    'notices of 100 MB',
    "do $$ begin for i in 1..2 loop raise notice '%', repeat('x', 100000000); end loop; end $$",
    { kind: 'done' },
  ],
])('%s make the process grow by at most 50 MB', { timeout: 120_000 }, async (_, text, expected) => {
  const line = await spawnProcess('test/tasks/big-result-process.ts', [db.uri, text]).waitForLine(/^grew /, {
    timeoutMs: 110_000,
  });
  const [, bytes, end] = /^grew (\d+) (.*)$/.exec(line) ?? [];
  expect(JSON.parse(end ?? '')).toMatchObject(expected);
  expect(Number(bytes)).toBeLessThan(MOST_BYTES);
});
