import { describe, expect, test } from 'vitest';
import { Refused } from '../refused.ts';
import { parsePattern } from './parse-pattern.ts';

describe('a pattern is refused, naming the construct and its position', () => {
  test.each([
    ['a(?=b)', 'a lookahead at position 2'],
    ['a(?!b)', 'a negative lookahead at position 2'],
    ['(?<=a)b', 'a lookbehind at position 1'],
    ['(?<!a)b', 'a negative lookbehind at position 1'],
    ['\\bword\\B', 'a word boundary (\\b) at position 1'],
    ['word\\B', 'a word boundary (\\B) at position 5'],
    ['(a)\\1', 'a backreference at position 4'],
    ['(?<x>a)\\k<x>', 'a backreference at position 8'],
    ['(?P<x>a)(?P=x)', 'a backreference at position 9'],
    ['(?i)a', 'inline flags at position 1'],
    ['a(?i:b)', 'inline flags at position 2'],
    ['a(?-i:b)', 'inline flags at position 2'],
    ['(?>a)', 'an atomic group at position 1'],
    ['a(?#note)', 'a comment at position 2'],
    ['(?R)', 'a recursion at position 1'],
    ['(a)(?(1)b|c)', 'a condition at position 4'],
    ['a++', 'a possessive quantifier at position 2'],
    ['a{1,2}+', 'a possessive quantifier at position 2'],
    ['[[:alpha:]]', 'a POSIX class at position 2'],
    ['a[]', 'an empty class (write \\] for a bracket in a class) at position 2'],
    ['a[^]', 'an empty class (write \\] for a bracket in a class) at position 2'],
    ['a{,3}', 'a repetition without minimum (write {0,n}) at position 2'],
    ['a\\0', 'a zero character, which PostgreSQL cannot hold, at position 2'],
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
    ['\\Q', 'Invalid escape'],
    ['(?<x>a)(?<x>b)', 'Duplicate capture group name'],
  ])('%s, which is not valid', (pattern, message) => {
    expect(() => parsePattern(pattern)).toThrow(`Pattern is not valid: ${message}`);
  });

  test('counts positions in characters of the pattern as given', () => {
    expect(() => parsePattern('😀é\\@\\-(?P<n>a){"\\b')).toThrow('(\\b) at position 17');
  });
});

describe('syntax of Python and Perl means what it says there', () => {
  const same = (one: string, other: string) => expect(parsePattern(one)).toEqual(parsePattern(other));

  test('named groups and anchors', () => {
    same('(?P<name>a)', '(?:a)');
    same('\\Aa\\Z', '^a$');
    same('a\\z', 'a$');
  });

  test('escaped punctuation, inside classes and out', () => {
    same('\\@\\-\\:\\ \\"\\\'\\#', '@-: "\'#');
    same('[\\w\\-\\.\\@]', '[-.@\\w]');
    same('\\😀', '😀');
  });

  test('braces and brackets that stand for themselves', () => {
    same('{"a": [x]}', '\\{"a": [x]\\}');
    same('a{b}', 'a\\{b\\}');
    same('a]', 'a\\]');
    same('a{2}}', 'a{2}\\}');
  });

  test('lazy repetition is the same language', () => {
    same('a+?b*?c??d{1,2}?', 'a+b*c?d{1,2}');
  });

  test('escapes of characters', () => {
    same('\\u0041\\x41\\u{1F600}\\cA\\t', 'AA😀\x01\t');
    same('[\\b]', '[\x08]');
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
