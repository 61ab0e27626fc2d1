import { expect, test } from 'vitest';
import * as entry from '../../src/models.ts';
import { readPage, readRepositoryFile } from '../docs/markdown-page.ts';
import { createTestDatabase } from '../support/database.ts';
import { spawnProcess } from '../support/process.ts';

const page = readPage('docs/reference/models.md');
const blockMarked = (mark: string) => page.blocks.find(({ marks }) => marks.includes(mark))?.text ?? '';

test('the block of the page is the example, which type-checks', () => {
  const example = readRepositoryFile('examples/own-provider.ts');
  const published = example
    .replace("'../src/index.ts'", "'lamplighter'")
    .replace("'../src/models.ts'", "'lamplighter/models'");
  expect(`${blockMarked('example')}\n`).toBe(published);
});

test('the example prints what the page says, and ends by itself', async () => {
  await using db = await createTestDatabase();
  await using example = spawnProcess('examples/own-provider.ts', [], { env: { DATABASE_URL: db.uri } });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(example.output()).toBe(`${blockMarked('prints')}\n`);
});

test('the page names every export that is no type', () => {
  expect(Object.keys(entry).filter((name) => !page.text.includes(name))).toEqual([]);
});
