import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SLOW_FILES } from '../support/slow-files.ts';

test('the files that are said to be slow are there', () => {
  expect(Object.keys(SLOW_FILES).filter((file) => !existsSync(new URL(`../../${file}`, import.meta.url)))).toEqual([]);
});
