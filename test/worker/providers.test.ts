import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createOpenAiProvider } from '../../src/models/http/openai-provider.ts';
import { chatAnswer, embeddingsAnswer, type StubHandler, startStubServer } from '../models/http/stub-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, generate, rowOf, rowsOf, untilStatus, untilStatusAfterRetries } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

/** A server on this machine that breaks on every request with the word POISON in it, and a provider for it. */
async function setUp(breaks: StubHandler, lacks: readonly string[] = []) {
  let isDown = false;
  const server = await startStubServer((request, ...rest) => {
    const { method, path, body } = request;
    if (method === 'GET' || lacks.includes(path)) return { status: 404, json: { detail: 'Not Found' } };
    if (isDown || JSON.stringify(body).includes('POISON')) return breaks(request, ...rest);
    return path === '/v1/embeddings' ? embeddingsAnswer(body) : chatAnswer('fine');
  });
  onTestFinished(() => server.stop());
  const provider = createOpenAiProvider({ env: { OPENAI_BASE_URL: server.url, LAMPLIGHTER_OPENAI_SERVER: 'other' } });
  return {
    server,
    workerOptions: {
      uri: db.uri,
      providers: [provider],
      embedModel: 'openai/m',
      generateModel: 'openai/m',
    },
    setDown(down: boolean) {
      isDown = down;
    },
  };
}

const breaking: Readonly<Record<string, StubHandler>> = {
  'with a 500': () => ({ status: 500, json: { error: { message: 'NaN in the output' } } }),
  'with a 502 of a gateway': () => ({ status: 502, json: { error: { message: 'NaN in the output' } } }),
  'by an end of the connection': (_request, _response, socket) => {
    socket.destroy();
    return undefined;
  },
};

test.each(Object.entries(breaking))(
  'a text that breaks its server %s fails alone, in its tries, on a quiet system, and holds up nobody',
  async (how, breaks) => {
    const { workerOptions } = await setUp(breaks);
    await using _ = await startTestWorker(workerOptions);
    await untilStatus(db.pool, await embed(db.pool, ['good before']), 'completed');
    const bad = [...(await embed(db.pool, ['POISON x'])), await generate(db.pool, 'POISON y')];
    const rows = await untilStatusAfterRetries(db.pool, bad, 'failed');
    for (const row of rows) {
      expect(row).toMatchObject({ retry_count: 3, attempt: 4 });
      expect(row.error).toMatch(how.includes('connection') ? /cut the connection/ : /NaN in the output/);
    }
    // With others in its batch, and first in it.
    const mixed = await embed(db.pool, ['POISON 1', 'POISON 2', 'good 1', 'good 2', 'good 3']);
    await untilStatus(db.pool, mixed.slice(2), 'completed', { timeoutMs: 5_000 });
    await untilStatus(db.pool, [await generate(db.pool, 'good')], 'completed', { timeoutMs: 5_000 });
    await untilStatusAfterRetries(db.pool, mixed.slice(0, 2), 'failed');
  },
);

test('while a server is down nobody is charged, and every row says why it waits, in the words of the server', async () => {
  const { server, workerOptions, setDown } = await setUp(() => ({ status: 500, json: { error: 'out of memory' } }));
  setDown(true);
  await using _ = await startTestWorker(workerOptions);
  const ids = await embed(db.pool, ['a', 'b', 'POISON']);
  // Until the server is left alone, and all are put off for that.
  await eventually(
    async () => {
      const rows = await rowsOf(db.pool, ids);
      for (const { error } of rows) expect(error).toMatch(/answered 500: out of memory \(several times in a row/);
    },
    { timeoutMs: 15_000 },
  );
  for (const row of await rowsOf(db.pool, ids)) expect(row).toMatchObject({ status: 'pending', retry_count: 0 });
  setDown(false);
  server.requests.length = 0;
  const [, , bad = ''] = ids;
  await untilStatusAfterRetries(db.pool, ids.slice(0, 2), 'completed');
  await untilStatusAfterRetries(db.pool, [bad], 'failed');
  expect((await rowOf(db.pool, bad)).error).toMatch(/answered 500: out of memory, for this request each time/);
});

test('a server without rerank is not announced as serving it, and the report says why', async () => {
  const { workerOptions } = await setUp(() => ({ json: {} }), ['/v1/rerank', '/v2/rerank', '/rerank']);
  await using tested = await startTestWorker({ ...workerOptions, rerankModel: 'openai/m' });
  const { served, notServed } = tested.worker.report;
  expect(served).toContainEqual({ functionName: 'embed', model: 'openai/m' });
  expect(notServed).toEqual([
    { functionName: 'rerank', reason: expect.stringMatching(/does not rerank: it answered 404: Not Found/) },
  ]);
  await untilStatus(db.pool, await embed(db.pool, ['embeddings are']), 'completed');
});
