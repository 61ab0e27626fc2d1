import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DATABASE_TROUBLE } from '../../src/db/database-trouble.ts';
import { readPage, tableRows } from './markdown-page.ts';

const SOURCES = ['src/worker/', 'src/process/', 'src/daemon/', 'src/db/', 'src/cli/'].flatMap((folder) =>
  readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(`../../${folder}${file}`, import.meta.url), 'utf8')),
);
const CODE = SOURCES.join('\n');

/** What workers may have trouble with, as `Troubles.define` is told. */
const TROUBLES = [...CODE.matchAll(/\.define\('([^']+)'\)/g)].map(([, what = '']) => what);
/** The lines of the code, with dots for what differs. */
const LINES = [...CODE.matchAll(/(['`])((?:(?!\1).)+)\1/g)].map(([, , text = '']) =>
  text.replaceAll(/\$\{[^}]*\}/g, '..'),
);

const rows = tableRows(readPage('docs/operating.md'), 'What workers say').slice(1);

test.each(rows.map(([line = '']) => line))('workers say: %s', (line) => {
  const told = line.replace(/:? ?\.\.$/, '').replace(/ after$|, for$/, '');
  const trouble = /^could not (.*)$/.exec(told)?.[1];
  if (trouble !== undefined) expect(TROUBLES).toContain(trouble);
  else if (/^(still )?cannot |^can /.test(told)) expect(told).toContain(DATABASE_TROUBLE.what);
  else expect(LINES.filter((text) => text.startsWith(told))).not.toEqual([]);
});

test('everything that a worker may have trouble with stands there', () => {
  const text = rows.map((cells) => cells.join(' ')).join('\n');
  expect(TROUBLES.filter((what) => !text.includes(what))).toEqual([]);
});
