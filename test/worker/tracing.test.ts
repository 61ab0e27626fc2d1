import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, generate, skipDelays, untilStatus } from '../support/requests.ts';
import { idOf, registerTestTracer, type TestTracer } from '../support/test-tracer.ts';
import { startTestWorker } from '../support/test-worker.ts';

const SENT = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let db: TestDatabase;
let client: Client;
let tracer: TestTracer;
beforeAll(async () => {
  db = await createTestDatabase();
  client = createClient({ uri: db.uri });
  tracer = registerTestTracer();
});
afterEach(async () => {
  await db.pool.query('delete from steadytext_queue');
  tracer.clear();
});
afterAll(async () => {
  tracer[Symbol.dispose]();
  await client.close();
  await db[Symbol.asyncDispose]();
});

/** Queues under the traceparent of somebody else. */
async function queueTraced(work: (session: { query: typeof db.pool.query }) => Promise<unknown>): Promise<void> {
  const session = await db.pool.connect();
  try {
    await session.query(`set lamplighter.traceparent = '00-${SENT.traceId}-${SENT.spanId}-01'`);
    await work(session as never);
  } finally {
    session.release(true);
  }
}

const linksOf = (span: ReadableSpan | undefined) =>
  span?.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId }));

test('a request that the client sends, its processing and the call of the model are one trace', async () => {
  await using tested = await startTestWorker({ uri: db.uri });
  const id = await client.embed('hello', { useCache: false });
  await client.wait(id);
  const [call] = await tracer.ended('embeddings test/model');
  const [processed] = await tracer.ended('process embed');
  const [sent] = await tracer.ended('send embed');
  expect([processed, call].map((span) => idOf(span).traceId)).toEqual([idOf(sent).traceId, idOf(sent).traceId]);
  expect(processed?.parentSpanContext).toMatchObject({ spanId: idOf(sent).spanId, isRemote: true });
  expect(call?.parentSpanContext).toMatchObject({ spanId: idOf(processed).spanId });
  expect(processed).toMatchObject({ kind: SpanKind.CONSUMER, status: { code: SpanStatusCode.UNSET }, links: [] });
  expect(processed?.attributes).toEqual({
    'messaging.system.name': 'lamplighter',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'embed',
    'messaging.message.id': id,
    'messaging.client.id': tested.worker.workerId,
    'lamplighter.attempt': 1,
    'lamplighter.retry_count': 0,
    'lamplighter.outcome': 'completed',
  });
  expect(call).toMatchObject({ kind: SpanKind.INTERNAL, status: { code: SpanStatusCode.UNSET } });
  expect(call?.attributes).toEqual({
    'gen_ai.operation.name': 'embeddings',
    'gen_ai.provider.name': 'test',
    'gen_ai.request.model': 'test/model',
    'gen_ai.embeddings.dimension.count': 8,
    'lamplighter.items': 1,
  });
});

test('what SQL queues under a traceparent is processed in its trace', async () => {
  await queueTraced((session) => generate(session, 'hello'));
  await using _ = await startTestWorker({ uri: db.uri });
  const [processed] = await tracer.ended('process generate');
  expect(processed?.parentSpanContext).toMatchObject(SENT);
  expect(idOf(processed).traceId).toBe(SENT.traceId);
});

test('a call for several requests is the root of a trace, linked with each of them', async () => {
  await queueTraced((session) => embed(session, ['a !tokens:2', 'b !tokens:3', 'c !tokens:4']));
  await using _ = await startTestWorker({ uri: db.uri });
  const processed = await tracer.ended('process embed', 3);
  const [call] = await tracer.ended('embeddings test/model');
  expect(call?.parentSpanContext).toBeUndefined();
  expect(linksOf(call)).toEqual(expect.arrayContaining(processed.map(idOf)));
  expect(call?.links).toHaveLength(3);
  expect(call?.attributes).toMatchObject({ 'lamplighter.items': 3, 'gen_ai.usage.input_tokens': 9 });
  for (const span of processed) {
    expect(span.parentSpanContext).toMatchObject(SENT);
    expect(linksOf(span)).toEqual([idOf(call)]);
  }
});

test('a retry is the root of another trace, with a link to whoever queued the request', async () => {
  await queueTraced((session) => generate(session, '!fail-times:1 traced'));
  await using _ = await startTestWorker({ uri: db.uri });
  const [first] = await tracer.ended('process generate');
  expect(first).toMatchObject({ status: { code: SpanStatusCode.ERROR }, links: [] });
  expect(first?.attributes).toMatchObject({ 'lamplighter.outcome': 'retry', 'error.type': 'failed' });
  const [call] = await tracer.ended('text_completion test/model');
  expect(call?.status.code).toBe(SpanStatusCode.ERROR);
  expect(call?.attributes).toMatchObject({ 'error.type': 'failed', 'lamplighter.items_failed': 1 });
  await skipDelays(db.pool);
  const [, second] = await tracer.ended('process generate', 2);
  expect(second?.parentSpanContext).toBeUndefined();
  expect(idOf(second).traceId).not.toBe(SENT.traceId);
  expect(linksOf(second)).toEqual([SENT]);
  expect(second?.status.code).toBe(SpanStatusCode.UNSET);
  expect(second?.attributes).toMatchObject({
    'lamplighter.outcome': 'completed',
    'lamplighter.attempt': 2,
    'lamplighter.retry_count': 1,
  });
});

test.each([
  ['!invalid', 'failed', 'invalid'],
  ['!unavailable', 'defer', 'unavailable'],
  ['!fail', 'retry', 'failed'],
])('of %s the outcome is %s, and the error %s', async (prompt, outcome, errorType) => {
  await generate(db.pool, prompt);
  await using _ = await startTestWorker({ uri: db.uri });
  const [processed] = await tracer.ended('process generate');
  expect(processed?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(processed?.attributes).toMatchObject({ 'lamplighter.outcome': outcome, 'error.type': errorType });
});

test('a failure that has no retries left has failed', async () => {
  await generate(db.pool, '!fail');
  await using _ = await startTestWorker({ uri: db.uri, maxRetries: 0 });
  const [processed] = await tracer.ended('process generate');
  expect(processed?.attributes).toMatchObject({ 'lamplighter.outcome': 'failed', 'error.type': 'failed' });
});

test('a request that is cancelled while it runs ends its span without an error', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, '!hang');
  await untilStatus(db.pool, [id], 'processing');
  await db.pool.query('select steadytext_cancel_async($1)', [id]);
  const [processed] = await tracer.ended('process generate');
  expect(processed?.status.code).toBe(SpanStatusCode.UNSET);
  expect(processed?.attributes).toMatchObject({ 'lamplighter.outcome': 'lost' });
});

test('an answer from the cache is told, and no model is called', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  await client.wait(await client.embed('again'));
  await tracer.ended('process embed');
  tracer.clear();
  await client.wait(await client.embed('again'));
  const [processed] = await tracer.ended('process embed');
  expect(processed?.attributes).toMatchObject({ 'lamplighter.cached': true, 'lamplighter.outcome': 'completed' });
  expect(tracer.spans().some(({ name }) => name.startsWith('embeddings'))).toBe(false);
});

test('no text of a request, an answer or an error is in any span', async () => {
  const secret = 'sk-SECRET-7f3a';
  await using _ = await startTestWorker({ uri: db.uri, maxRetries: 0 });
  const schema = { type: 'object', properties: { [secret]: { type: 'string' } } };
  const sent = [
    await client.generate(`!answer:${secret}`),
    await client.generate(`${secret} !fail`),
    await client.generate(`${secret} !invalid`),
    await client.generateJson({ prompt: secret, schema }),
    await client.rerank({ query: secret, documents: [secret] }),
    ...(await client.embedBatch([secret, `${secret} !throw`, `${secret} !nan`])),
  ];
  await Promise.allSettled(sent.map((id) => client.wait<unknown>(id)));
  await client.generateRegex({ prompt: secret, pattern: `(${secret}` }).catch(() => undefined);
  await client.tasks.run(`do $$ begin raise '${secret}'; end $$`);
  await tracer.ended('process embed', 3);
  await tracer.ended('process generate', 3);
  const told = tracer
    .spans()
    .map(({ name, attributes, events, links, status }) => ({ name, attributes, events, links, status }));
  expect(told.length).toBeGreaterThan(12);
  expect(JSON.stringify(told)).not.toContain('SECRET');
});
