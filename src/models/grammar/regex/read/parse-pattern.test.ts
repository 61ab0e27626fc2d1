import { describe, expect, test } from 'vitest';
import { Refused } from '../../output-grammar.ts';
import { parsePattern } from './parse-pattern.ts';

describe('a pattern is refused, naming the construct, its position and what to write instead', () => {
  test.each([
    ['(a)\\1', 'a backreference at position 4: write out what it may repeat'],
    ['(?<x>a)\\k<x>', 'a backreference at position 8'],
    ['(?P<x>a)(?P=x)', 'a backreference at position 9'],
    ['(a)\\g{1}', 'a backreference at position 4'],
    ['(?R)', 'a recursion at position 1'],
    ['(a)(?1)', 'a recursion at position 4'],
    ['(?<n>a)(?&n)', 'a recursion at position 8'],
    ['(a)(?(1)b|c)', 'a condition at position 4'],
    ['a(*SKIP)b', 'a verb of backtracking at position 2'],
    ['a(?{1})', 'code in a pattern at position 2'],
    ['(?<a-b>x)', 'a balancing group at position 1'],
    ['a\\Kb', 'a reset of the match (\\K) at position 2: use a lookbehind, (?<=..)'],
    ['\\Ga', 'the end of the last match (\\G) at position 1'],
    ['\\X', 'a whole grapheme (\\X) at position 1: write \\P{M}\\p{M}*'],
    ['\\C', 'a single byte (\\C) at position 1'],
    ['\\N{BULLET}', 'a character by its name at position 1'],
    ['[\\N]', '\\N in a class at position 2'],
    ['[\\R]', '\\R in a class at position 2'],
    ['\\012', 'an octal escape at position 1: write \\x{..}'],
    ['[\\1]', 'an octal escape at position 2'],
    ['[[:alfa:]]', 'a POSIX class of that name at position 2'],
    ['[[.hyphen.]]', 'a collating element at position 2'],
    ['[[:alpha:]', 'a class with a POSIX class in it that does not end'],
    ['a[]', 'an empty class at position 2: write \\] for a bracket in a class'],
    ['a[^]', 'an empty class at position 2: write \\] for a bracket in a class'],
    ['[a-z&&[^aeiou]]', 'an operator in a class at position 5'],
    ['(?u)a', 'an inline flag other than i, m, s and x at position 1'],
    ['(?=a)*', 'a repeated assertion at position 6: leave the repetition out'],
    ['^*a', 'a repeated assertion at position 2'],
    ['a{2}{3}', 'a repetition of a repetition at position 5: put a group around the inner one'],
    ['(?>a|ab){2}+(?>(?:a|ab){2})c', 'an atomic group whose parts can match in several ways at position 13'],
    ['(?:a*)*+b', 'a possessive quantifier on a part that can match in several ways at position 1'],
    ['a(?<=\\bb)', 'a lookahead, \\b or $ inside a lookbehind at position 2'],
    ['(?<=a$)', 'a lookahead, \\b or $ inside a lookbehind at position 1'],
    ['a\\0', 'a zero character, which PostgreSQL cannot hold, at position 2'],
    ['a\\x{0}', 'a zero character, which PostgreSQL cannot hold, at position 2'],
    ['a\\ud800', 'half a surrogate pair at position 2'],
  ])('%s', (pattern, message) => {
    expect(() => parsePattern(pattern)).toThrow(Refused);
    expect(() => parsePattern(pattern)).toThrow(`Pattern not supported: ${message}`);
  });

  test.each([
    ['(a', 'Unterminated group, near position 3'],
    ['a)', "Unmatched ')', near position 2"],
    ['[a', 'Unterminated character class'],
    ['*a', 'Nothing to repeat, near position 2'],
    ['[z-a]', 'Range out of order in character class'],
    ['a{3,2}', 'numbers out of order in {} quantifier'],
    ['a\\', 'Invalid escape, near position 3'],
    ['\\p{Nonsense}', 'Invalid property name'],
    ['\\i', 'Invalid escape'],
    ['\\x{110000}', 'Invalid unicode escape'],
    ['a(?#note', 'Unterminated comment, near position 2'],
    ['(?<1>a)', 'Invalid capture group name'],
    ['(?%a)', 'Invalid group'],
    ['(?i', 'Invalid group'],
  ])('%s, which is not valid', (pattern, message) => {
    expect(() => parsePattern(pattern)).toThrow(`Pattern is not valid: ${message}`);
  });

  test('counts positions in characters of the pattern as given', () => {
    expect(() => parsePattern('😀é\\@\\-(?P<n>a){"\\1')).toThrow('a backreference at position 17');
  });
});

describe('syntax of Python, Perl and PostgreSQL means what it says there', () => {
  const same = (one: string, other: string) => expect(parsePattern(one)).toEqual(parsePattern(other));

  test('named groups, in any spelling and more than once', () => {
    same('(?P<name>a)', '(?:a)');
    same('(?<name>a)', '(?:a)');
    same("(?'name'a)", '(?:a)');
    same('(?<x>a)|(?<x>b)', '(?:a)|(?:b)');
    same('(?|(a)|(b))', '(?:(a)|(b))');
  });

  test('anchors', () => {
    same('\\Aa\\Z', '^a$');
    same('a\\z', 'a$');
    same('\\ya\\Y', '\\ba\\B');
    same('\\ma\\M', '\\b(?=\\w)a\\b(?<=\\w)');
    same('[[:<:]]a[[:>:]]', '\\ma\\M');
    same('(?m)\\Aa\\Z', '^a$');
  });

  test('escaped punctuation, inside classes and out', () => {
    same('\\@\\-\\:\\ \\"\\\'\\#', '@-: "\'#');
    same('[\\w\\-\\.\\@]', '[-.@\\w]');
    same('\\😀', '😀');
  });

  test('braces and brackets that stand for themselves', () => {
    same('{"a": [x]}', '\\{"a": [x]\\}');
    same('a{b}', 'a\\{b\\}');
    same('a{,}{', 'a\\{,\\}\\{');
    same('a]', 'a\\]');
    same('a{2}}', 'a{2}\\}');
    same('[[.]', '[.\\[]');
    same('[[:]', '[:\\[]');
  });

  test('a repetition without minimum', () => {
    same('a{,3}', 'a{0,3}');
    same('a{,3}?', 'a{0,3}');
  });

  test('lazy repetition is the same language', () => {
    same('a+?b*?c??d{1,2}?', 'a+b*c?d{1,2}');
  });

  test('escapes of characters', () => {
    same('\\u0041\\x41\\u{1F600}\\cA\\t', 'AA😀\x01\t');
    same('\\x{1F600}\\U0001F600\\N{U+1F600}\\ud83d\\ude00', '😀😀😀😀');
    same('[\\b]', '[\x08]');
    same('\\a\\e[\\a\\e]', '\x07\x1b[\x07\x1b]');
    same('[\\x{e0}-\\x{ff}]', '[à-ÿ]');
  });

  test('quoted texts', () => {
    same('\\Qa.b*\\E+', 'a\\.b\\*+');
    same('[\\Q^-]\\E]', '[\\^\\-\\]]');
    same('a\\Q(', 'a\\(');
    same('\\Q😀\\E\\E', '😀');
  });

  test('comments and free white space', () => {
    same('a(?#note (not this)b', 'ab');
    same('(?x) a b # note\n [ c]\\ d', 'ab[ c] d');
    same('(?x: a ) b', 'a b');
  });

  test('classes', () => {
    same('[[:alpha:]_]', '[A-Za-z_]');
    same('[^[:digit:][:space:]]', '[^0-9\\t\\n\\v\\f\\r ]');
    same('[[:^xdigit:]]', '[^0-9A-Fa-f]');
    same('[[:punct:]]', '[!-\\/:-@\\[-`\\{-~]');
    same('\\h\\H[\\h]', '[\\h][^\\h]\\h');
    same('\\N', '[^\\n]');
    same('\\R', '(?>\\r\\n|[\\n\\v\\f\\r\\x85\\u2028\\u2029])');
  });

  test('properties by short names', () => {
    same('\\p{Han}', '\\p{Script=Han}');
    same('\\p{greek}\\p{IsCyrillic}', '\\p{Script=Greek}\\p{Script=Cyrillic}');
    same('\\pL\\PL', '\\p{L}\\P{L}');
    same('\\p{^Lu}\\P{^Lu}', '\\P{Lu}\\p{Lu}');
    same('[\\p{L&}]', '[\\p{LC}]');
    same('\\p{alphabetic}', '\\p{Alphabetic}');
  });

  test('inline flags, up to the end of their group', () => {
    same('(?i)a', '[aA]');
    same('(?i:a)b', '[aA]b');
    same('a(?i)b|c', 'a[bB]|[cC]');
    same('(a(?i)b)c', '(a[bB])c');
    same('(?i)a(?-i)b(?^i:c)(?^:d)', '[aA]b[cC]d');
    same('(?i)[^k]\\w', '[^kK\\u212a][\\w\\u017f\\u212a]');
    same('(?s).(?-s:.)', '[\\s\\S].');
    same('(?m:^a$)', '(?:^|(?<=[\\n\\r\\u2028\\u2029]))a(?:$|(?=[\\n\\r\\u2028\\u2029]))');
  });
});

describe('sets of characters', () => {
  const setOf = (pattern: string) => {
    const tree = parsePattern(pattern);
    return tree.kind === 'set' ? tree.set : undefined;
  };

  test('the dot leaves out line ends, zero and halves of pairs', () => {
    expect(setOf('.')).toEqual([
      [0x01, 0x09],
      [0x0b, 0x0c],
      [0x0e, 0x2027],
      [0x202a, 0xd7ff],
      [0xe000, 0x10ffff],
    ]);
  });

  test('classes and their negations are complementary', () => {
    for (const [one, other] of [
      ['[\\d\\D]', '[\\s\\S]'],
      ['[^\\W]', '\\w'],
      ['[^\\S]', '\\s'],
      ['\\P{Lu}', '[^\\p{Lu}]'],
      ['\\p{L}', '\\p{Letter}'],
      ['\\p{Script=Greek}', '\\p{sc=Grek}'],
    ] as const) {
      expect(setOf(one)).toEqual(setOf(other));
    }
    expect(setOf('[\\s\\S]')).toEqual([
      [1, 0xd7ff],
      [0xe000, 0x10ffff],
    ]);
  });
});
