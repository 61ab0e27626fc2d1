import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { printGrammar } from '../../src/models/grammar/gbnf/print-grammar.ts';
import { createRuleSet } from '../../src/models/grammar/gbnf/rule-set.ts';
import { GrammarTooLarge } from '../../src/models/grammar/output-grammar.ts';
import { isEmptyLanguage, jsonStringOf, searchLanguage } from '../../src/models/grammar/regex/language.ts';
import { patternTester } from '../../src/models/grammar/regex/pattern-tester.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled, refusalOf } from './compiled.ts';
import { openGenerator } from './generates.ts';

/** Undefined where the pattern is refused, as there are too many ways to match it. */
function searchedIn(pattern: string) {
  try {
    return searchLanguage(pattern);
  } catch (error) {
    if (error instanceof GrammarTooLarge) return undefined;
    throw error;
  }
}

afterAll(closeEngine);

/** Every construct that is supported, over few characters, so that texts come close to matching. */
const patterns: fc.Arbitrary<string> = fc.letrec<{ pattern: string; term: string; atom: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('term'),
    fc.array(tie('term'), { minLength: 2, maxLength: 3 }).map((terms) => terms.join('|')),
  ),
  term: fc.array(tie('atom'), { minLength: 0, maxLength: 4 }).map((atoms) => atoms.join('')),
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true, maxDepth: 4 },
    fc.constantFrom(
      'a',
      'b',
      '"',
      '\\\\',
      '\\n',
      'é',
      '😀',
      '.',
      '\\d',
      '\\w',
      '\\S',
      '\\p{L}',
      '[ab]',
      '[^a]',
      '[^\\w"]',
    ),
    fc.constantFrom('^', '$', '\\b', '\\B', '(?<=a)', '(?<!\\w)', '(?<=^b*)'),
    fc.tuple(fc.constantFrom('(?=', '(?!'), tie('pattern')).map(([open, inner]) => `${open}${inner})`),
    fc
      .tuple(
        fc.constantFrom('(', '(?:'),
        tie('pattern'),
        fc.constantFrom('', '*', '+', '?', '{2}', '{0,2}', '{1,3}', '{2,}', '*?', '{0}', '{0,0}', '{2,3}'),
      )
      .map(([open, inner, counts]) => `${open}${inner})${counts}`),
  ),
})).pattern;

const texts = fc.array(fc.constantFrom('a', 'b', '"', '\\', '\n', 'é', '😀', '1', ' ', '_'), { maxLength: 7 });

/** Every text of up to four of these characters. */
const SHORT_TEXTS: string[] = [''];
for (const text of SHORT_TEXTS) if (text.length < 4) SHORT_TEXTS.push(`${text}a`, `${text}b`, `${text}\n`);

const PATTERNS_JUDGED = 200;

/** What the language's own engine says; only patterns of this test run in it, on short texts. */
function matchesWhole(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 'u').test(text);
}

/**
 * The same of a search. V8's own also looks in the middle of a surrogate pair, where by ECMAScript no match begins: each place that is one is
 * asked for by itself.
 */
function matchesSomewhere(pattern: string, text: string): boolean {
  const here = new RegExp(pattern, 'uy');
  let place = 0;
  for (const character of [...text, '']) {
    here.lastIndex = place;
    if (here.test(text)) return true;
    place += character.length;
  }
  return false;
}

function repetitionsIn(pattern: string): number {
  return pattern.match(/\)[*+?{]/g)?.length ?? 0;
}

function isPossible(pattern: string): boolean {
  return refusalOf({ kind: 'regex', pattern }) === undefined;
}

describe('for any supported pattern', { timeout: 60_000 }, () => {
  test('the engine, the check of results and ECMAScript agree on any text', async () => {
    await fc.assert(
      fc.asyncProperty(patterns, fc.array(texts, { minLength: 30, maxLength: 30 }), async (pattern, samples) => {
        fc.pre(isPossible(pattern));
        const { gbnf, problemOf } = compiled({ kind: 'regex', pattern });
        const isAccepted = await acceptorOf(gbnf);
        for (const text of [...SHORT_TEXTS, ...samples.map((characters) => characters.join(''))]) {
          const expected = matchesWhole(pattern, text);
          expect([text, isAccepted(text), problemOf(text) === undefined]).toEqual([text, expected, expected]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('a pattern is refused only where ECMAScript matches none of many texts, or where its repetitions nest deeply', () => {
    let refusedForSize = 0;
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 30, maxLength: 30 }), (pattern, samples) => {
        const refusal = refusalOf({ kind: 'regex', pattern });
        if (refusal === undefined) return;
        if (refusal.startsWith('Pattern too complex') && repetitionsIn(pattern) > 2) {
          refusedForSize += 1;
          return;
        }
        expect(refusal).toMatch(/^Pattern matches (no text at all|only the empty text)$/);
        const candidates = [...SHORT_TEXTS, ...samples.map((characters) => characters.join(''))];
        expect(candidates.filter((text) => text !== '' && matchesWhole(pattern, text))).toEqual([]);
      }),
      { numRuns: PATTERNS_JUDGED },
    );
    expect(refusedForSize).toBeLessThan(PATTERNS_JUDGED / 20);
  });

  test('a search inside a JSON string finds what ECMAScript finds, in the spelling of JSON.stringify', async () => {
    await fc.assert(
      fc.asyncProperty(patterns, fc.array(texts, { minLength: 20, maxLength: 20 }), async (pattern, samples) => {
        const language = searchedIn(pattern);
        fc.pre(language !== undefined && !isEmptyLanguage(language));
        const ruleSet = createRuleSet();
        ruleSet.define('root', jsonStringOf(ruleSet, 's', language));
        const isAccepted = await acceptorOf(printGrammar(ruleSet.rules));
        const tester = patternTester(pattern);
        for (const text of samples.map((characters) => characters.join(''))) {
          const expected = matchesSomewhere(pattern, text);
          expect([text, isAccepted(JSON.stringify(text)), tester.test(text)]).toEqual([text, expected, expected]);
        }
      }),
      // The example matches no place of the emoji but the one within.
      { numRuns: 50, examples: [['(?![^a]|$)|a', [['😀']]]] },
    );
  });

  test('what the engine generates matches as a whole', async () => {
    const generator = await openGenerator();
    try {
      let complete = 0;
      await fc.assert(
        fc.asyncProperty(patterns, fc.nat({ max: 2 ** 31 }), async (pattern, seed) => {
          fc.pre(isPossible(pattern));
          const { gbnf, problemOf } = compiled({ kind: 'regex', pattern });
          const text = await generator.generate(gbnf, seed, 30);
          if (text === undefined) return;
          complete += 1;
          expect([text, problemOf(text), matchesWhole(pattern, text)]).toEqual([text, undefined, true]);
        }),
        { numRuns: 80 },
      );
      expect(complete).toBeGreaterThan(40);
    } finally {
      await generator.close();
    }
  });
});
