import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { registerTestTracer, type TestTracer } from '../support/test-tracer.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

let db: TestDatabase;
let ann: TestRole;
let tested: TestWorker;
let tracer: TestTracer;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query(`select lamplighter.grant_caller('${ann.name}')`);
  tracer = registerTestTracer();
  tested = await startTestWorker({ uri: db.uri, taskRoles: { [ann.name]: ann.uri } });
});
afterEach(() => tracer.clear());
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  tracer[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

const queue = (text: string) =>
  withClient(ann.uri, async (client) => {
    await client.query(`set lamplighter.traceparent = '00-${TRACE}-${SPAN}-01'`);
    const { rows } = await client.query<{ jobid: string }>('select lantern.async_task($1) as jobid', [text]);
    return rows[0]?.jobid ?? '';
  });

test('an attempt at a task is a span of the trace that queued it', async () => {
  const jobid = await queue('select 1');
  const [span] = await tracer.ended('process tasks');
  expect(span).toMatchObject({
    kind: SpanKind.CONSUMER,
    status: { code: SpanStatusCode.UNSET },
    parentSpanContext: { traceId: TRACE, spanId: SPAN },
  });
  expect(span?.attributes).toEqual({
    'messaging.system.name': 'lamplighter',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'tasks',
    'messaging.message.id': jobid,
    'messaging.client.id': tested.worker.workerId,
    'lamplighter.attempt': 1,
    'lamplighter.outcome': 'succeeded',
  });
});

test('a task that fails is an error, which quotes neither the text nor what PostgreSQL says of it', async () => {
  await queue("do $$ begin raise exception 'secret'; end $$");
  const [span] = await tracer.ended('process tasks');
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(span?.attributes).toMatchObject({ 'lamplighter.outcome': 'failed', 'error.type': 'failed' });
  expect(JSON.stringify([span?.attributes, span?.events])).not.toContain('secret');
});
