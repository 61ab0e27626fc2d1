import { expect, test } from 'vitest';
import { fullLanguage } from './language.ts';
import { textLengthsOf } from './text-lengths.ts';

test.each([
  ['a', 1, 1],
  ['a?', 0, 1],
  ['ab|c|defg', 1, 4],
  ['a{2,5}(😀|xyz)?', 2, 8],
  ['ab*c', 2, Number.POSITIVE_INFINITY],
  ['(ab)*', 0, Number.POSITIVE_INFINITY],
])('the texts of %s have %d to %d characters', (pattern, least, most) => {
  expect(textLengthsOf(fullLanguage(pattern))).toEqual({ least, most });
});
