import { readdirSync, readFileSync } from 'node:fs';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { spawnProcess } from '../support/process.ts';
import { readPage, readRepositoryFile, tableRows } from './markdown-page.ts';

const page = readPage('docs/concepts/tracing.md');
const blockMarked = (mark: string) => page.blocks.find(({ marks }) => marks.includes(mark))?.text ?? '';

const CODE = ['src/core/tracing/', 'src/client/', 'src/worker/', 'src/daemon/', 'src/models/']
  .flatMap((folder) =>
    readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => readFileSync(new URL(`../../${folder}${file}`, import.meta.url), 'utf8')),
  )
  .join('\n');
/** But for the setting. */
const USED = [
  ...new Set([...CODE.matchAll(/'((?:messaging|gen_ai|lamplighter|error)\.[a-z_.]+)'/g)].map(([, name = '']) => name)),
]
  .filter((name) => name !== 'lamplighter.traceparent')
  .sort();

test('the block of the page is the example, which prints what the page says and ends by itself', async () => {
  const example = readRepositoryFile('examples/tracing.ts');
  expect(`${blockMarked('example')}\n`).toBe(example.replace("'../src/index.ts'", "'lamplighter'"));
  await using db = await createTestDatabase();
  await using run = spawnProcess('examples/tracing.ts', [], { env: { DATABASE_URL: db.uri } });
  expect(await run.exited).toEqual({ code: 0, signal: null });
  expect(run.output()).toBe(`${blockMarked('prints')}\n`);
});

test('the page names every attribute that a span may have, and no other', () => {
  const [, ...rows] = tableRows(page, 'Attributes');
  const documented = rows.flatMap(([names = '']) => names.replaceAll('`', '').split(', '));
  expect(documented.sort()).toEqual(USED);
});

test('names that are not our own are names of the semantic conventions', () => {
  const known = new Set<unknown>(Object.values(conventions));
  expect(USED.filter((name) => !name.startsWith('lamplighter.') && !known.has(name))).toEqual([]);
});
