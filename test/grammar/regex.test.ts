import { afterAll, describe, expect, test } from 'vitest';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled } from './compiled.ts';

afterAll(closeEngine);

interface PatternCase {
  readonly pattern: string;
  readonly accepts: readonly string[];
  readonly rejects: readonly string[];
}

const CASES: readonly PatternCase[] = [
  { pattern: '\\d{3}-\\d{4}', accepts: ['555-1234'], rejects: ['', '555-123', '555-12345', 'a555-1234', '٥٥٥-١٢٣٤'] },
  { pattern: 'yes|no|maybe', accepts: ['yes', 'no', 'maybe'], rejects: ['ye', 'yesno', 'Yes', ''] },
  { pattern: '(foo|bar)+', accepts: ['foo', 'barfoofoo'], rejects: ['', 'fo', 'foobarb'] },
  { pattern: '[A-Z][a-z]*(?: [A-Z][a-z]*)*', accepts: ['Ann', 'Ann Lee'], rejects: ['ann', 'Ann ', 'Ann  Lee'] },
  { pattern: '^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$', accepts: ['a.b+c@d-e.f'], rejects: ['a@b', '@b.c', 'a b@c.d'] },
  {
    pattern: '(?<year>\\d{4})-(?P<month>0[1-9]|1[0-2])',
    accepts: ['2024-01', '1999-12'],
    rejects: ['2024-13', '2024-1'],
  },
  { pattern: 'a{0}b{2}c{1,3}d{2,}', accepts: ['bbcdd', 'bbcccddddd'], rejects: ['abbcdd', 'bcdd', 'bbccccdd', 'bbcd'] },
  { pattern: '.*', accepts: ['', 'é😀 "\\', '\u0001\t'], rejects: ['a\nb', '\u2028', '\r'] },
  { pattern: '[^a-z]', accepts: ['A', '\n', '😀', '"'], rejects: ['q', '', 'AB'] },
  { pattern: '[\\]\\[^-]+', accepts: ['[]^-'], rejects: ['a', '\\'] },
  { pattern: '\\s\\S', accepts: [' a', '\u00a0é', '\ufeff.'], rejects: ['a ', '  '] },
  { pattern: '\\W', accepts: ['é', ' ', '-'], rejects: ['_', '9', 'a'] },
  { pattern: '\\p{Lu}\\p{Ll}+', accepts: ['Éric', 'Жук'], rejects: ['éric', 'É1', 'É'] },
  { pattern: '\\p{Script=Han}{2}', accepts: ['漢字'], rejects: ['漢', 'かな'] },
  { pattern: '[😀-😎]x', accepts: ['😀x', '😎x'], rejects: ['😏x', 'x', '\ud83dx'] },
  { pattern: '(a?){3}', accepts: ['', 'a', 'aaa'], rejects: ['aaaa'] },
  { pattern: '(a*)*b', accepts: ['b', 'aaab'], rejects: ['a', 'ba'] },
  { pattern: '((a|b)?c?)*', accepts: ['', 'abcc', 'cacb'], rejects: ['d', 'abd'] },
  { pattern: '(|a)b', accepts: ['b', 'ab'], rejects: ['', 'a'] },
  { pattern: '^a$|^b$', accepts: ['a', 'b'], rejects: ['ab', ''] },
  { pattern: '(^a|b)c', accepts: ['ac', 'bc'], rejects: ['abc', 'c'] },
  { pattern: '(?:a$|b)(?:c|^)', accepts: ['bc'], rejects: ['a', 'ac', 'b'] },
  { pattern: '"(?:[^"\\\\]|\\\\.)*"', accepts: ['"a\\"b"', '""'], rejects: ['"', '"a"b"', '"\\"'] },
  { pattern: '.*[xyz].{0,3}', accepts: ['x', 'abcyde1', 'zzzz'], rejects: ['', 'x1234', 'abc'] },
  { pattern: '[a-z]{1,1500}', accepts: ['a', 'b'.repeat(1_500)], rejects: ['', 'b'.repeat(1_501)] },
  { pattern: '(?:[a-z]{2,9} ){2,90}', accepts: ['ab cd ', 'ab '.repeat(90)], rejects: ['ab ', 'ab '.repeat(91)] },
  {
    pattern: '.{0,200}(refund|cancel).{0,200}',
    accepts: ['refund', 'please cancel or refund it'],
    rejects: ['please', `refund${'x'.repeat(201)}`],
  },
];

describe('the engine takes exactly what a pattern matches as a whole', () => {
  test.each(CASES)('$pattern', async ({ pattern, accepts, rejects }) => {
    const { gbnf, problemOf } = compiled({ kind: 'regex', pattern });
    const isAccepted = await acceptorOf(gbnf);
    expect(accepts.filter((text) => !isAccepted(text))).toEqual([]);
    expect(rejects.filter((text) => isAccepted(text))).toEqual([]);
    expect(accepts.filter((text) => problemOf(text) !== undefined)).toEqual([]);
    expect(rejects.filter((text) => problemOf(text) === undefined)).toEqual([]);
  });

  test('never with a zero character', async () => {
    for (const pattern of ['[^a]', '\\W', '\\P{L}', '[\\0-\\x05]', '[\\s\\S]']) {
      expect((await acceptorOf(compiled({ kind: 'regex', pattern }).gbnf))('\0')).toBe(false);
    }
  });
});
