import { expect, test } from 'vitest';
import table from '../../../../../test/grammar/python/patterns.json' with { type: 'json' };
import { Refused } from '../../output-grammar.ts';
import { fullLanguage, isInLanguage, type Language } from '../language.ts';
import { fullTester } from '../pattern-tester.ts';
import { parsePattern } from './parse-pattern.ts';

/** Every text of up to four letters that the table speaks of. */
const TEXTS: string[] = [''];
for (const text of TEXTS) if (text.length < 4) TEXTS.push(`${text}a`, `${text}b`);

/** The language of a pattern, or why it is refused. */
function languageOf(pattern: string): Language | string {
  try {
    return fullLanguage(pattern);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

test('what is atomic or possessive matches what it matches in Python, or is refused for its several ways', {
  timeout: 60_000,
}, () => {
  let refused = 0;
  for (const [pattern = '', accepted = ''] of table) {
    const language = languageOf(pattern);
    if (typeof language === 'string') {
      expect([pattern, language]).toEqual([pattern, expect.stringContaining('can match in several ways at position')]);
      refused += 1;
      continue;
    }
    const expected = accepted === '' ? [] : accepted.split(' ').map((text) => (text === '-' ? '' : text));
    const tester = fullTester(parsePattern(pattern));
    const inOrder = (texts: readonly string[]) => [...texts].sort();
    expect([pattern, inOrder(TEXTS.filter((text) => isInLanguage(language, text)))]).toEqual([
      pattern,
      inOrder(expected),
    ]);
    expect([pattern, inOrder(TEXTS.filter((text) => tester.test(text)))]).toEqual([pattern, inOrder(expected)]);
  }
  expect(refused).toBeLessThan(table.length / 2);
});

test.each(['(?>(?:a|ab){2})c', '(?:a*)*+b', '(?>\\w*x)y'])(
  '%s is refused, as an earlier part of it could be taken back',
  (pattern) => {
    expect(() => parsePattern(pattern)).toThrow('can match in several ways at position');
  },
);

test('groups in groups take no time that multiplies', { timeout: 60_000 }, () => {
  const depth = 60;
  const started = performance.now();
  expect(() => parsePattern(`${'(?>a|'.repeat(depth)}b${')*'.repeat(depth)}`)).toThrow(Refused);
  expect(() => parsePattern(`(?>${'a?'.repeat(2_000)}b)`)).toThrow(Refused);
  expect(performance.now() - started).toBeLessThan(5_000);
});
