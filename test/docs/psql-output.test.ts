import { expect, test } from 'vitest';
import { asShown, readPsqlOutput } from './psql-output.ts';

test('aligned output is read cell by cell', () => {
  const text = ' a | b\n---+---\n 1 | x\n   | y\n(2 rows)\n';
  expect(readPsqlOutput(text)).toEqual([
    ['a', 'b'],
    ['1', 'x'],
    ['', 'y'],
  ]);
});

test('expanded output is read to the same', () => {
  const text = '-[ RECORD 1 ]\na  | 1\nbc | x | y\n-[ RECORD 2 ]\na  | 2\nbc |';
  expect(readPsqlOutput(text)).toEqual([
    ['a', 'bc'],
    ['1', 'x | y'],
    ['2', ''],
  ]);
});

test('ids, times and what dots stand for may differ, all else may not', () => {
  const shown = [['019ac6f4-0d21-7a3e-9d5c-52a1c80a9e55', '2026-11-30 10:00:00.5+00', '[0.1,..]', 'completed']];
  const found = ['019ad1c4-6c4e-7b3c-8d59-0f3f5c4f7a11', '2027-01-01 00:00:00+01', '[0.1,0.2]'];
  expect(asShown([[...found, 'completed']], shown)).toEqual(shown);
  expect(asShown([[...found, 'failed']], shown)).not.toEqual(shown);
  expect(asShown([['null', ...found.slice(1), 'completed']], shown)).not.toEqual(shown);
});
