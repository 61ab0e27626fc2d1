import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import * as entry from '../../src/index.ts';
import { readPage, readRepositoryFile, tableRows } from '../docs/markdown-page.ts';
import { splitStatements } from '../docs/split-statements.ts';
import { createTestDatabase } from '../support/database.ts';
import { spawnProcess } from '../support/process.ts';

const page = readPage('docs/reference/typescript.md');
const blockMarked = (mark: string) => page.blocks.find(({ marks }) => marks.includes(mark))?.text ?? '';

test('the block of the page is the example, which type-checks', () => {
  const example = readRepositoryFile('examples/enqueue-and-wait.ts');
  expect(`${blockMarked('example')}\n`).toBe(example.replace("'../src/index.ts'", "'lamplighter'"));
});

test('the example prints what the page says, and ends by itself', async () => {
  await using db = await createTestDatabase();
  await using example = spawnProcess('examples/enqueue-and-wait.ts', [], { env: { DATABASE_URL: db.uri } });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(example.output()).toBe(`${blockMarked('prints')}\n`);
});

const methodsIn = (section: string) =>
  tableRows(page, section)
    .map(([call = '']) => /^\w+(?=\()/.exec(call)?.[0])
    .filter((name) => name !== undefined)
    .sort();

test('the page names every export that is no type, and every method', async () => {
  const missing = Object.keys(entry).filter((name) => !page.text.includes(name));
  expect(missing).toEqual([]);
  await using client = entry.createClient({ uri: 'postgresql://nobody@127.0.0.1:1/none' });
  const { tasks, ...methods } = client;
  expect(methodsIn('Client')).toEqual(Object.keys(methods).sort());
  expect(methodsIn('Tasks')).toEqual(Object.keys(tasks).sort());
});

test('the example for psql runs, statement by statement', async () => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const worker = await entry.createWorker({ uri: db.uri });
  onTestFinished(() => worker.stop());
  const session = new pg.Client(db.uri);
  await session.connect();
  onTestFinished(() => session.end());
  const rows: unknown[] = [];
  for (const statement of splitStatements(readRepositoryFile('examples/enqueue-and-wait.sql'))) {
    rows.push(...(await session.query(statement)).rows);
  }
  expect(rows).toEqual(
    expect.arrayContaining([
      { body: 'Priority orders requests.', dimensions: 384 },
      { document: 'A worker renews its lease.', score: expect.stringMatching(/^0\.\d\d$/) },
      { is_cancelled: true },
      { function_name: 'embed', pending: '0', completed: '3', cancelled: '0' },
    ]),
  );
});
