import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, firstValue, generate, untilStatus } from '../support/requests.ts';
import { createCallerJournal } from './callers.ts';
import { checkHistory } from './check-history.ts';
import { createHandlerJournal } from './handlers.ts';
import { installJournal } from './journal.ts';
import { grantWorker, spawnJournallingWorker } from './journalling-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await installJournal(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());

test('what a worker process answers to each function is found in the journals, and only that', async () => {
  using handlers = createHandlerJournal();
  const callers = createCallerJournal();
  const actor = await grantWorker(db.pool, await db.createRole('worker'));
  await using worker = await spawnJournallingWorker({ actor, handlers });
  const [vector, prompt, query] = ['vector', 'prompt', 'query'].map(callers.unique);
  const ids = [
    ...(await callers.enqueue([vector ?? ''], (texts) => embed(db.pool, texts))),
    ...(await callers.enqueue([prompt ?? ''], async ([text = '']) => [await generate(db.pool, text)])),
    ...(await callers.enqueue([query ?? ''], async (texts) => [
      await firstValue(db.pool, `select steadytext_rerank_async($1, array['a', $1, 'query'])`, texts),
    ])),
  ];
  const rows = await untilStatus(db.pool, ids, 'completed');
  for (const { request_id, status, result } of rows) callers.see(request_id, status, result ?? '');
  expect(rows[1]?.result).toBe(`${prompt} ~${actor.name}.1`);
  worker.kill();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(await checkHistory(db.pool, { callers, handlers })).toEqual([]);

  // Each kind of answer is compared: with any of them changed, its request is named.
  const lines = readFileSync(handlers.file, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    writeFileSync(handlers.file, '');
    const { value, ...answer } = JSON.parse(line);
    const other = typeof value === 'string' ? `${value}0` : [value[0] + 0.001, ...value.slice(1)];
    for (const kept of lines.filter((candidate) => candidate !== line)) appendFileSync(handlers.file, `${kept}\n`);
    appendFileSync(handlers.file, `${JSON.stringify({ ...answer, value: other })}\n`);
    expect(await checkHistory(db.pool, { callers, handlers })).toMatchObject([{ rule: 'answer' }]);
  }
});
