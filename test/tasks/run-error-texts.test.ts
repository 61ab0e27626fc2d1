import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { openTaskSession } from '../../src/db/task-session/task-session.ts';
import { renderErrorText } from '../../src/tasks/error-text.ts';
import { createRandom } from '../properties/random.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ERROR_SETUP, ERROR_TEXTS, randomErrorText } from './error-cases.ts';
import { findPsql, psqlError } from './psql.ts';

const psql = findPsql();
const RANDOM_TEXTS = process.env['LAMPLIGHTER_STORM_SECONDS'] === undefined ? 20 : 400;
const seed = Math.floor(Math.random() * 2 ** 31);

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  await db.pool.query(ERROR_SETUP);
});
afterAll(() => db?.[Symbol.asyncDispose]());

async function render(text: string): Promise<string> {
  const session = await openTaskSession(resolveConnection({ uri: db.uri }, {}));
  try {
    await session.query("select pg_catalog.set_config('search_path', 'err,public', false)");
    const end = await session.run(text);
    return end.kind === 'error' ? renderErrorText(end.error.fields, text) : end.kind;
  } finally {
    await session.end();
  }
}

describe.skipIf(psql === undefined)('beside psql, errors of this server', () => {
  // A sixth of the table, another one each time: the fixture has it whole.
  const texts = ERROR_TEXTS.filter((_, i) => i % 6 === seed % 6);

  test.each(texts)('%j', async (text) => {
    expect(await render(text)).toBe(psqlError(psql ?? '', db.uri, text));
  });

  test(`at random columns, by seed ${seed}`, { timeout: 300_000 }, async () => {
    const random = createRandom(seed);
    for (let left = RANDOM_TEXTS; left > 0; left -= 1) {
      const text = randomErrorText(random);
      expect(await render(text), JSON.stringify(text)).toBe(psqlError(psql ?? '', db.uri, text));
    }
  });
});
