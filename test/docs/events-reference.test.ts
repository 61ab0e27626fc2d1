import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { readPage } from './markdown-page.ts';

test('an event has the channel and the form that the reference shows', async () => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const listener = new pg.Client({ connectionString: db.uri });
  await listener.connect();
  onTestFinished(() => listener.end());
  const heard: pg.Notification[] = [];
  listener.on('notification', (notification) => heard.push(notification));
  await listener.query('listen steadytext_completed');

  const { rows } = await db.pool.query<{ id: string }>("select steadytext_embed_async('a') as id");
  await db.pool.query('select steadytext_cancel_async($1)', [rows[0]?.id]);
  await eventually(() => expect(heard).toHaveLength(1));

  const example =
    readPage('docs/reference/events.md').blocks.find(({ marks }) => marks.includes('event') && !marks.includes('task'))
      ?.text ?? '';
  expect(heard[0]?.payload?.replace(rows[0]?.id ?? '', 'ID')).toBe(example.replace(/[0-9a-f-]{36}/, 'ID'));
});

test('the event of a task has the channel and the form that the reference shows', async () => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const listener = new pg.Client({ connectionString: db.uri });
  await listener.connect();
  onTestFinished(() => listener.end());
  const heard: pg.Notification[] = [];
  listener.on('notification', (notification) => heard.push(notification));
  await listener.query('listen lantern_tasks');

  const { rows } = await db.pool.query<{ id: string }>("select lantern.async_task('select 1') as id");
  await db.pool.query('select lantern.cancel_async_task($1)', [rows[0]?.id]);
  await eventually(() => expect(heard).toHaveLength(1));

  const blocks = readPage('docs/reference/events.md').blocks.filter(({ marks }) => marks.includes('task'));
  const example: unknown = JSON.parse(blocks[0]?.text ?? '');
  const event: unknown = JSON.parse(heard[0]?.payload ?? '');
  expect(example).toEqual({ jobid: expect.any(Number), status: 'succeeded' });
  expect(event).toEqual({ jobid: Number(rows[0]?.id), status: 'canceled' });
});
