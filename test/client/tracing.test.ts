import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { idOf, registerTestTracer, type TestTracer } from '../support/test-tracer.ts';

const OTHERS = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

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

async function traceparents(): Promise<(string | null)[]> {
  const text = 'select traceparent from steadytext_queue order by id';
  return (await db.pool.query<{ traceparent: string | null }>(text)).rows.map(({ traceparent }) => traceparent);
}

const traceparentOf = (span: ReadableSpan | undefined) => `00-${idOf(span).traceId}-${idOf(span).spanId}-01`;

const schema = { type: 'object' };
test.each([
  ['generate', () => client.generate('p')],
  ['generate_json', () => client.generateJson({ prompt: 'p', schema })],
  ['generate_regex', () => client.generateRegex({ prompt: 'p', pattern: 'a' })],
  ['generate_choice', () => client.generateChoice({ prompt: 'p', choices: ['a', 'b'] })],
  ['embed', () => client.embed('p')],
  ['rerank', () => client.rerank({ query: 'p', documents: ['d'] })],
])('a span tells that a request for %s was sent, and the request carries its traceparent', async (name, send) => {
  const id = await send();
  const [span, ...others] = tracer.spans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({
    name: `send ${name}`,
    kind: SpanKind.PRODUCER,
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'messaging.system.name': 'lamplighter',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': name,
      'messaging.message.id': id,
    },
  });
  expect(await traceparents()).toEqual([traceparentOf(span)]);
});

test('a batch is one span, and each of its requests carries its traceparent', async () => {
  const ids = await client.embedBatch(['a', 'b', 'c']);
  const [span] = tracer.spans();
  expect(span?.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
  expect(span?.attributes).not.toHaveProperty('messaging.message.id');
  expect(await traceparents()).toEqual(ids.map(() => traceparentOf(span)));
  const { rows } = await db.pool.query<{ request_id: string }>('select request_id from steadytext_queue order by id');
  expect(rows.map(({ request_id }) => request_id)).toEqual(ids);
});

test('the span is a child of the active one', async () => {
  const asking = trace.getTracer('test').startSpan('asking');
  await context.with(trace.setSpan(context.active(), asking), () => client.embed('a'));
  const [span] = tracer.spans();
  expect(span?.parentSpanContext).toMatchObject({ spanId: asking.spanContext().spanId });
  expect(idOf(span).traceId).toBe(asking.spanContext().traceId);
});

test('a task is sent under a span of its own', async () => {
  const jobid = await client.tasks.run('select 1');
  const [span] = tracer.spans();
  expect(span).toMatchObject({ name: 'send tasks', attributes: { 'messaging.message.id': String(jobid) } });
  const { rows } = await db.pool.query('select traceparent from lamplighter.task_run where jobid = $1', [jobid]);
  expect(rows).toEqual([{ traceparent: traceparentOf(span) }]);
});

test.each([undefined, OTHERS])(
  "in the caller's transaction, what it has set holds again afterwards: %s",
  async (set) => {
    const caller = new pg.Client({ connectionString: db.uri });
    await caller.connect();
    try {
      await caller.query('begin');
      if (set !== undefined) await caller.query("select set_config('lamplighter.traceparent', $1, true)", [set]);
      await client.embed('a', { db: caller });
      await client.embedBatch(['b', 'c'], { db: caller });
      await caller.query("select steadytext_embed_async('d')");
      await caller.query('commit');
    } finally {
      await caller.end();
    }
    const [one, batch] = tracer.spans();
    expect(await traceparents()).toEqual([traceparentOf(one), traceparentOf(batch), traceparentOf(batch), set ?? null]);
  },
);

test('a batch that is refused leaves nothing behind in a transaction that goes on from a savepoint', async () => {
  const caller = new pg.Client({ connectionString: db.uri });
  await caller.connect();
  try {
    await caller.query('begin');
    await caller.query('savepoint s');
    await expect(client.embed(' ', { db: caller })).rejects.toThrow(/empty/);
    await caller.query('rollback to savepoint s');
    await caller.query("select steadytext_embed_async('d')");
    await caller.query('commit');
  } finally {
    await caller.end();
  }
  expect(await traceparents()).toEqual([null]);
});

test('a refusal is an error of its class, and quotes nothing', async () => {
  await expect(client.generateJson({ prompt: 'secret', schema: { type: 'secret' } })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  });
  const [span] = tracer.spans();
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(span?.attributes).toMatchObject({ 'error.type': 'REQUEST_INVALID' });
  expect(JSON.stringify([span?.attributes, span?.events, span?.status])).not.toContain('secret');
});
