import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GrammarTooLarge } from '../output-grammar.ts';
import { anywhere, fullLanguage, isInLanguage, type Language, searchLanguage } from './language.ts';
import { matchesWhole } from './look-tester.ts';
import { createAnswerBudget, fullTester, patternTester } from './pattern-tester.ts';
import { parsePattern } from './read/parse-pattern.ts';

const COUNTS = ['', '', '*', '+', '?', '{2}', '{0,2}', '{1,3}', '{2,}', '*?'];

/** Looks of both directions, edges of words and lines, nested and repeated, over few characters. */
const patterns: fc.Arbitrary<string> = fc.letrec<{ pattern: string; term: string; atom: string; past: string }>(
  (tie) => ({
    pattern: fc.array(tie('term'), { minLength: 1, maxLength: 2 }).map((terms) => terms.join('|')),
    term: fc.array(tie('atom'), { maxLength: 4 }).map((atoms) => atoms.join('')),
    atom: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      fc.constantFrom('a', 'b', 'A', '-', '\\n', '.', '\\w', '\\W', '[ab]', '[^a]', '[^\\w-]', '\\p{Lu}', '\\P{Lu}'),
      fc.constantFrom('^', '$', '\\b', '\\B'),
      fc.tuple(tie('pattern'), fc.constantFrom(...COUNTS)).map(([inner, counts]) => `(?:${inner})${counts}`),
      fc.tuple(fc.constantFrom('(?=', '(?!'), tie('pattern')).map(([open, inner]) => `${open}${inner})`),
      fc.tuple(fc.constantFrom('(?<=', '(?<!'), tie('past')).map(([open, inner]) => `${open}${inner})`),
    ),
    past: fc
      .array(
        fc.oneof(
          { depthSize: 'small', maxDepth: 2 },
          fc.constantFrom('a', 'b', 'A', '-', '\\n', '.', '\\w', '[^a]', '^', '|'),
          fc.tuple(tie('past'), fc.constantFrom(...COUNTS)).map(([inner, counts]) => `(?:${inner})${counts}`),
          fc.tuple(fc.constantFrom('(?<=', '(?<!'), tie('past')).map(([open, inner]) => `${open}${inner})`),
        ),
        { maxLength: 3 },
      )
      .map((atoms) => atoms.join('')),
  }),
).pattern;

const flags = fc.subarray(['i', 'm', 's']).map((letters) => letters.join(''));

/** Every text of up to three of these characters. */
const TEXTS: string[] = [''];
for (const text of TEXTS) {
  if (text.length < 3) TEXTS.push(...['a', 'b', 'A', '-', '\n'].map((character) => text + character));
}

function within(make: () => Language): Language | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof GrammarTooLarge) return undefined;
    throw error;
  }
}

describe('looks, edges and flags mean what they mean in ECMAScript', () => {
  test('for a text as a whole, in the automaton, in the check and place by place', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(patterns, flags, (pattern, letters) => {
        const given = letters === '' ? pattern : `(?${letters})${pattern}`;
        const language = within(() => fullLanguage(given));
        fc.pre(language !== undefined);
        const expected = new RegExp(
          `^(?:${pattern})$`.replace(/^\^/, '(?<![^])').replace(/\$$/, '(?![^])'),
          `u${letters}`,
        );
        const tree = parsePattern(given);
        const tester = fullTester(tree);
        const wanted = TEXTS.filter((text) => expected.test(text));
        expect(TEXTS.filter((text) => isInLanguage(language, text))).toEqual(wanted);
        expect(TEXTS.filter((text) => tester.test(text))).toEqual(wanted);
        expect(TEXTS.filter((text) => matchesWhole(tree, text, createAnswerBudget()))).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  test('for a search in a text, in the automaton, in the check and place by place', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(patterns, flags, (pattern, letters) => {
        const given = letters === '' ? pattern : `(?${letters})${pattern}`;
        const language = within(() => searchLanguage(given));
        fc.pre(language !== undefined);
        const expected = new RegExp(pattern, `u${letters}`);
        const tree = anywhere(parsePattern(given));
        const tester = patternTester(given);
        const wanted = TEXTS.filter((text) => expected.test(text));
        expect(TEXTS.filter((text) => isInLanguage(language, text))).toEqual(wanted);
        expect(TEXTS.filter((text) => tester.test(text))).toEqual(wanted);
        expect(TEXTS.filter((text) => matchesWhole(tree, text, createAnswerBudget()))).toEqual(wanted);
      }),
      { numRuns: 150 },
    );
  });
});
