import { describe, expect, test } from 'vitest';
import { fullTester, patternTester, re2SourceOf } from './pattern-tester.ts';
import { parsePattern } from './read/parse-pattern.ts';

describe('a tester', () => {
  test('searches, or asks for the whole text', () => {
    expect(patternTester('b').test('abc')).toBe(true);
    expect(patternTester('^b').test('a\nb')).toBe(false);
    expect(fullTester(parsePattern('b')).test('abc')).toBe(false);
    expect(fullTester(parsePattern('a|ab')).test('ab')).toBe(true);
  });

  test.each([
    ['(?:[ab]{3}){700}', 2_100],
    ['(?:a{1,40}){50}', 2_000],
    ['[a-z]{1500,2500}', 2_500],
    ['(a{2}){1100,}', 2_200],
  ])('counts %s beyond what RE2 takes at once', (pattern, length) => {
    const tester = fullTester(parsePattern(pattern));
    expect(tester.test('a'.repeat(length))).toBe(true);
    expect(tester.test('')).toBe(false);
    expect(tester.test(`${'a'.repeat(length)}!`)).toBe(false);
  });

  test('matches nothing with a set that is empty', () => {
    const tester = patternTester('x[^\\s\\S]|y');
    expect(['x', 'xx', 'y'].map((text) => tester.test(text))).toEqual([false, false, true]);
  });

  test('takes characters beyond the first plane as one', () => {
    expect(fullTester(parsePattern('.[^😀]')).test('😀😎')).toBe(true);
    expect(fullTester(parsePattern('.{2}')).test('😀')).toBe(false);
  });

  test('uses no construct that RE2 reads otherwise than ECMAScript', () => {
    expect(re2SourceOf(parsePattern('^\\d+?(a|b){2}$'))).toBe(
      '\\A(?:(?:[\\x{30}-\\x{39}]){1,1}(?:[\\x{30}-\\x{39}])*)(?:(?:(?:[\\x{61}-\\x{61}]|[\\x{62}-\\x{62}])){2,2})\\z',
    );
  });
});
