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
  { pattern: '(?i)yes|no', accepts: ['YES', 'No'], rejects: ['ye', 'ÑO'] },
  { pattern: '(?i:é)É', accepts: ['éÉ', 'ÉÉ'], rejects: ['éé'] },
  { pattern: 'a(?s:.)b.', accepts: ['a\nbx'], rejects: ['a\nb\n'] },
  { pattern: '(?m)a.*(?:\\n^b.*$)+', accepts: ['a1\nb', 'a\nb2\nb'], rejects: ['a', 'a\nc', 'a\nb\n'] },
  { pattern: '(?x) \\d{4} - \\d{2} # year and month', accepts: ['2024-01'], rejects: ['2024 - 01'] },
  { pattern: '[[:upper:]][[:alpha:]]*[^[:space:][:alnum:]]', accepts: ['Ab!', 'X-'], rejects: ['ab!', 'Éa!', 'Ab '] },
  { pattern: '\\p{Han}+\\p{Hiragana}?', accepts: ['漢字', '食べ'], rejects: ['べ', 'a'] },
  { pattern: '[\\x{1F600}-\\x{1F64F}]\\U0001F600', accepts: ['😎😀'], rejects: ['😀', '😀😎'] },
  { pattern: '\\Qa.b\\E+', accepts: ['a.b', 'a.bbb'], rejects: ['axb', 'a.ba.b'] },
  { pattern: '\\A\\w+\\Z', accepts: ['word'], rejects: ['word\n', ''] },
  { pattern: '\\w+\\h\\w+\\R', accepts: ['a b\r\n', 'a\tb\n'], rejects: ['a\nb\n', 'a b'] },
  { pattern: 'a{,2}b', accepts: ['b', 'aab'], rejects: ['aaab', 'a{,2}b'] },
  { pattern: '\\b\\w+(?:\\b.\\b\\w+)*\\b', accepts: ['a b', 'ab-c'], rejects: ['a  b', '-a', 'a '] },
  { pattern: '[a-]\\B[a-]', accepts: ['aa', '--'], rejects: ['a-', '-a', 'a'] },
  { pattern: '.*\\bcat\\b.*', accepts: ['cat', 'a cat!', 'concat, cat'], rejects: ['concat', 'cats', 'écatx'] },
  {
    pattern: '(?=.*\\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z\\d]{8,12}',
    accepts: ['abcdEFG1', '1Aaaaaaaaaaa'],
    rejects: ['abcdefg1', 'ABCDEFG1', 'abcdEFGH', 'aB1', 'abcdEFGH12345'],
  },
  { pattern: '(?!admin|root)[a-z]{3,8}', accepts: ['adam', 'roo'], rejects: ['admin', 'rooted', 'ad'] },
  { pattern: '(?:(?!-->)[\\s\\S])*-->', accepts: ['-->', 'a --\n-->'], rejects: ['a --> -->', '--'] },
  { pattern: '[a-z]+(?=\\.)\\.(?!exe$)[a-z]{3}', accepts: ['a.txt', 'a.com'], rejects: ['a.exe', 'a'] },
  { pattern: '[a-z ]+(?<! )', accepts: ['a b'], rejects: ['a b '] },
  { pattern: '.+(?<=\\.(?:png|jpg))', accepts: ['a.png', '.jpg'], rejects: ['png', 'a.gif'] },
  { pattern: '(?<!\\d)\\d{3}(?!\\d)', accepts: ['123'], rejects: ['12', '1234'] },
  { pattern: '\\d++[a-f]', accepts: ['12a'], rejects: ['12', 'a'] },
  { pattern: '"[^"]*+"', accepts: ['""', '"a"'], rejects: ['"', '"a""'] },
  { pattern: '(?>a|ab)c?', accepts: ['a', 'ac'], rejects: ['ab', 'abc'] },
  { pattern: '(?>foo|foobar)(?<n>x)(?P<m>y)(?#last)', accepts: ['fooxy'], rejects: ['foobarxy'] },
  {
    pattern: '^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$',
    accepts: ['example.org', `${'a'.repeat(63)}.${'b'.repeat(63)}`],
    rejects: ['example', `${'a'.repeat(64)}.org`],
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

  test('and only the check what is longer than a lookahead lets it be, where that takes too many states', async () => {
    const { gbnf, problemOf } = compiled({ kind: 'regex', pattern: '(?=.{1,200}$)(?:(?:a{1,60}|b{2,61})-)+' });
    const isAccepted = await acceptorOf(gbnf);
    const longest = 'a-'.repeat(100);
    expect([isAccepted(longest), problemOf(longest)]).toEqual([true, undefined]);
    expect([isAccepted(`${longest}a-`), problemOf(`${longest}a-`)]).toEqual([true, expect.stringContaining('pattern')]);
  });

  test('never with a zero character', async () => {
    for (const pattern of ['[^a]', '\\W', '\\P{L}', '[\\0-\\x05]', '[\\s\\S]']) {
      expect((await acceptorOf(compiled({ kind: 'regex', pattern }).gbnf))('\0')).toBe(false);
    }
  });
});
