import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseMigration, readMigrations } from './migration-file.ts';

test('the header of a migration says its number, its version and whether it can be in a transaction', () => {
  const text = '-- 0011_add_colour (schema version 2): colours\nselect 1;\n';
  expect(parseMigration('0011_add_colour.sql', text)).toEqual({
    number: 11,
    name: '0011_add_colour',
    schemaVersion: 2,
    isTransactional: true,
    text,
    checksum: createHash('sha256').update(text).digest('hex'),
  });
  const alone = text.replace('version 2', 'version 12, no transaction');
  expect(parseMigration('0011_add_colour.sql', alone)).toMatchObject({ schemaVersion: 12, isTransactional: false });
});

test.each([
  ['another name', '-- 0011_add_color (schema version 2): x'],
  ['another number', '-- 0012_add_colour (schema version 2): x'],
  ['no version', '-- 0011_add_colour: x'],
  ['an unknown remark', '-- 0011_add_colour (schema version 2, alone): x'],
  ['no header', 'create table t ();'],
  ['nothing', ''],
])('a migration with %s in its first line is refused', (_, text) => {
  expect(() => parseMigration('0011_add_colour.sql', text)).toThrow(
    '0011_add_colour.sql: expected a first line "-- 0011_add_colour (schema version N): what it adds"',
  );
});

test('the migrations on disk are numbered without a gap, and their versions never go down', () => {
  const files = readMigrations();
  expect(files.map(({ number }) => number)).toEqual(files.map((_, index) => index + 1));
  const versions = files.map(({ schemaVersion }) => schemaVersion);
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
});

test('every migration ends its last statement, as another text may follow', () => {
  expect(readMigrations().filter(({ text }) => !text.trimEnd().endsWith(';'))).toEqual([]);
});
