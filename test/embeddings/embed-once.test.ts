import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { embedOnce } from '../../src/daemon/embed-once.ts';
import { resolveConnection } from '../../src/db/connection-settings.ts';
import { createPool } from '../../src/db/pool.ts';
import { createLexicalModel } from '../../src/models/lexical/lexical-model.ts';
import { createTestDatabase } from '../support/database.ts';

test('one pass keeps to its rate, and tells tokens', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table texts (id integer primary key, body text)');
  await db.pool.query("insert into texts select n, 'two words' from generate_series(1, 25) as n");
  const waits: number[] = [];
  let nowMs = 0;
  const clock = {
    ...systemClock,
    nowMs: () => nowMs,
    async delay(ms: number) {
      waits.push(ms);
      nowMs += ms;
    },
  };
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const done = await embedOnce({
    db: pool,
    source: { schema: 'public', table: 'texts', srcColumn: 'body', pk: 'id' },
    model: createLexicalModel(),
    dimensions: 384,
    maxRowsPerSecond: 10,
    take: async () => undefined,
    onProgress: () => undefined,
    signal: new AbortController().signal,
    clock,
  });
  await pool.end();
  expect(done).toMatchObject({ rows: 25, failed: 0, calls: 3, tokens: 6, truncated: 0 });
  expect(waits).toEqual([1_000, 1_000]);
});
