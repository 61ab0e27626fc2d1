import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';
import { idOf, registerTestTracer, type TestTracer } from '../support/test-tracer.ts';

let db: TestDatabase;
let tracer: TestTracer;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  tracer = registerTestTracer();
});
afterEach(() => tracer.clear());
afterAll(async () => {
  tracer[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

test('a batch of rows is a span, and the call of the model its child; neither tells what the rows say', async () => {
  await db.pool.query(`create table notes (id integer primary key, body text);
    insert into notes values (1, 'secret one'), (2, 'secret two')`);
  await addJob(db, { table: 'notes' });
  await using _ = await startTestDaemon({ uri: db.uri });
  const [batch] = await tracer.ended('embed rows');
  const [call] = await tracer.ended('embeddings test/model');
  expect(batch).toMatchObject({ kind: SpanKind.INTERNAL, status: { code: SpanStatusCode.UNSET } });
  expect(batch?.parentSpanContext).toBeUndefined();
  expect(batch?.attributes).toMatchObject({
    'lamplighter.items': 2,
    'lamplighter.items_written': 2,
    'lamplighter.items_skipped': 0,
    'lamplighter.items_failed': 0,
  });
  expect(call?.parentSpanContext).toMatchObject(idOf(batch));
  expect(call?.attributes).toMatchObject({ 'gen_ai.operation.name': 'embeddings', 'lamplighter.items': 2 });
  expect(JSON.stringify(tracer.spans().map(({ attributes, events }) => [attributes, events]))).not.toContain('secret');
});

test('a model that is away is an error of the batch', async () => {
  await db.pool.query(`create table letters (id integer primary key, body text);
    insert into letters values (1, '!unavailable-times:1 a')`);
  await addJob(db, { table: 'letters' });
  await using _ = await startTestDaemon({ uri: db.uri });
  const [batch] = await tracer.ended('embed rows');
  expect(batch?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(batch?.attributes).toMatchObject({ 'error.type': 'unavailable' });
});
