import { types } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import {
  fullLanguage,
  intersectLanguages,
  isEmptyLanguage,
  isInLanguage,
  jsonStringOf,
  lengthLanguage,
  searchLanguage,
} from './language.ts';

describe('a language', () => {
  test('of a whole match has no text around it', () => {
    const language = fullLanguage('b+');
    expect(['b', 'bbb', '', 'ab', 'bc'].map((text) => isInLanguage(language, text))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test.each([
    ['b', 'a\nb\nc', true],
    ['^b', 'ab', false],
    ['^b', 'ba', true],
    ['b$', 'ba', false],
    ['^a|b$', 'ax', true],
    ['^a|b$', 'xb', true],
    ['^a|b$', 'xa', false],
    ['(^|,)x(,|$)', 'a,x', true],
    ['(^|,)x(,|$)', 'ax', false],
    ['', 'anything', true],
    ['$^', '', true],
    ['$^', 'a', false],
  ])('of a search for %j in %j: %j', (pattern, text, expected) => {
    expect(isInLanguage(searchLanguage(pattern), text)).toBe(expected);
  });

  test('of a length counts characters, not units', () => {
    const language = lengthLanguage(1, 2);
    expect(['', '😀', '😀😀', 'abc'].map((text) => isInLanguage(language, text))).toEqual([false, true, true, false]);
  });

  test('can be cut with another', () => {
    const both = intersectLanguages(searchLanguage('\\d$'), lengthLanguage(3, 4));
    expect(['ab1', 'abc1', 'a1', 'abcd1', 'abc'].map((text) => isInLanguage(both, text))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(isEmptyLanguage(intersectLanguages(fullLanguage('a'), fullLanguage('b')))).toBe(true);
    expect(isEmptyLanguage(both)).toBe(false);
  });

  test('of counted parts that can be split in many ways stays small', () => {
    expect(fullLanguage('(\\w+\\s?){1,100}').length).toBeLessThan(500);
    expect(fullLanguage('(a?){0,1000}').length).toBeLessThanOrEqual(1_001);
  });

  test('of counted parts keeps the repetitions that are left', () => {
    const language = fullLanguage('(a?b?){0,3}x');
    expect(['x', 'aaax', 'bababx', 'aaaax', 'bababax'].map((text) => isInLanguage(language, text))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('is told by its beginning when its states would be too many', () => {
    const language = fullLanguage('.{0,200}(refund|cancel).{0,200}');
    expect(isInLanguage(language, 'please refund or cancel')).toBe(true);
    expect(isInLanguage(language, `refund${' '.repeat(201)}`)).toBe(false);
    expect(isInLanguage(language, 'please')).toBe(false);
  });

  test('is refused where neither works, and where it is too long', () => {
    expect(() => fullLanguage('(a|aa){0,400}(b|a){300}(a|ab){0,400}')).toThrow(GrammarTooLarge);
    expect(() => lengthLanguage(0, 1_000_000_000)).toThrow(GrammarTooLarge);
  });
});

test('a JSON string of a language escapes as JSON does', () => {
  const ruleSet = createRuleSet();
  ruleSet.define('root', jsonStringOf(ruleSet, 's', fullLanguage('[a"\\\\\\n\\x01\\x1f]')));
  expect(printGrammar(ruleSet.rules)).toBe(
    'root ::= "\\x22" s\ns ::= ([a] | "\\x5C" ([\\x22\\x5Cn] | "u00" ("0" [1] | "1" [f]))) "\\x22"\n',
  );
});

/** Groups in groups, each repeated somehow, over two letters. */
const nestedRepetitions: fc.Arbitrary<string> = fc.letrec<{ pattern: string; term: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie('term'), { maxLength: 2 }), { minLength: 1, maxLength: 2 })
    .map((options) => options.map((terms) => terms.join('')).join('|')),
  term: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom('a', 'b', '', '^', '$'),
    fc
      .tuple(tie('pattern'), fc.constantFrom('', '*', '+', '?', '{0}', '{0,2}', '{2}', '{2,3}', '{3,4}', '{2,}'))
      .map(([inner, counts]) => `(${inner})${counts}`),
  ),
})).pattern;

/** Every text over two letters of up to six. */
const TEXTS = Array.from({ length: 7 }, (_, length) =>
  Array.from({ length: 2 ** length }, (_, bits) =>
    bits.toString(2).padStart(length, '0').replaceAll('0', 'a').replaceAll('1', 'b').slice(0, length),
  ),
).flat();

test('a language is that of ECMAScript however repetitions nest', () => {
  fc.assert(
    fc.property(nestedRepetitions, (pattern) => {
      const language = languageWithinBudget(pattern);
      fc.pre(language !== undefined);
      const expected = matchedByEcmaScript(`^(?:${pattern})$`);
      fc.pre(expected !== undefined);
      expect(TEXTS.filter((text) => isInLanguage(language, text))).toEqual(expected);
    }),
    // One for which ECMAScript's engine is too slow to be asked.
    { numRuns: 300, examples: [['((|)((|a){2,3}(|)|){2}){2,3}|']] },
  );
});

/** Undefined where ECMAScript's own engine, which takes exponential time, is not done within 100 ms: one such pattern takes minutes. */
function matchedByEcmaScript(pattern: string): string[] | undefined {
  const run = 'const whole = new RegExp(pattern, "u"); JSON.stringify(texts.filter((text) => whole.test(text)))';
  try {
    return JSON.parse(runInNewContext(run, { texts: TEXTS, pattern }, { timeout: 100 }));
  } catch (error) {
    // It may be an error of the other context, which is no instance of this one's `Error`.
    if (types.isNativeError(error) && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return undefined;
    throw error;
  }
}

function languageWithinBudget(pattern: string) {
  try {
    return fullLanguage(pattern);
  } catch (error) {
    if (error instanceof GrammarTooLarge) return undefined;
    throw error;
  }
}
