import { expect, test } from 'vitest';
import { parseKeyColumns } from './key-columns.ts';

test.each([
  ['id', ['id']],
  [' tenant , id ', ['tenant', 'id']],
  ['"Id", "a,b","c""d"', ['Id', 'a,b', 'c"d']],
  ['two words', ['two words']],
])('%s names %j', (text, names) => {
  expect(parseKeyColumns(text)).toEqual(names);
});

test.each(['', ',', 'id,', '"open', 'a"b', '""'])('%j is refused', (text) => {
  expect(parseKeyColumns(text)).toBeUndefined();
});
