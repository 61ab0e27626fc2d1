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

  const example = readPage('docs/reference/events.md').blocks.find(({ marks }) => marks.includes('event'))?.text ?? '';
  expect(heard[0]?.payload?.replace(rows[0]?.id ?? '', 'ID')).toBe(example.replace(/[0-9a-f-]{36}/, 'ID'));
});
