import { anywhere, exactLanguage, type Language, looserLanguage } from './language.ts';
import { createAnswerBudget, type PatternTester, patternTester, refuseUntestable } from './pattern-tester.ts';
import { parsePattern } from './read/parse-pattern.ts';
import { createDocumentBudget } from './step-budget.ts';

/** Most steps to follow all patterns of one document: some 300 ms. */
const MOST_PATTERN_STEPS = 2_500_000;

/** Most steps to hold its own values and names against patterns that no automaton follows: some 200 ms. */
const MOST_TEST_STEPS = 4_000_000;

/** The patterns of one document, each searched for in texts and followed once, wherever it stands. */
export interface DocumentPatterns {
  /** The texts in which the pattern matches, perhaps without limits of their length. @throws Refused, GrammarTooLarge */
  languageOf(pattern: string): Language;
  /** The exact test. @throws Refused for a pattern that is not supported or not valid */
  testerOf(pattern: string): PatternTester;
  /** @throws Refused, GrammarTooLarge where answers of the longest kind could not be tested */
  refuseUntestable(pattern: string): void;
  /** Tests within `check` may take what one answer may take, those outside what the document itself may. */
  duringAnswer<Result>(check: () => Result): Result;
}

export function createDocumentPatterns(): DocumentPatterns {
  const following = createDocumentBudget(MOST_PATTERN_STEPS);
  const testing = createDocumentBudget(MOST_TEST_STEPS);
  let budget = testing;
  const exactOf = onceForEach((pattern) => exactLanguage(anywhere(parsePattern(pattern)), following));
  const untestable = (pattern: string) => refuseUntestable(anywhere(parsePattern(pattern)), () => exactOf(pattern));
  return {
    languageOf: onceForEach((pattern) => {
      untestable(pattern);
      return exactOf(pattern) ?? looserLanguage(anywhere(parsePattern(pattern)), following);
    }),
    testerOf: onceForEach((pattern) => patternTester(pattern, { exact: () => exactOf(pattern), budget: () => budget })),
    refuseUntestable: untestable,
    duringAnswer(check) {
      budget = createAnswerBudget();
      try {
        return check();
      } finally {
        budget = testing;
      }
    },
  };
}

function onceForEach<Result>(make: (pattern: string) => Result): (pattern: string) => Result {
  const made = new Map<string, { readonly result: Result }>();
  return (pattern) => {
    const known = made.get(pattern) ?? { result: make(pattern) };
    made.set(pattern, known);
    return known.result;
  };
}
