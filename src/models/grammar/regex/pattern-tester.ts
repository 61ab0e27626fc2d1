import { RE2JS } from 're2js';
import type { CodePointSet } from '../gbnf/code-points.ts';
import { anywhere, exactLanguage, isInLanguage, type Language, tooComplex, withoutLimits } from './language.ts';
import { countStates, matchesWhole } from './look-tester.ts';
import { hasLook, type PatternTree } from './pattern-tree.ts';
import { parsePattern } from './read/parse-pattern.ts';
import { createStepBudget, type StepBudget } from './step-budget.ts';

/** Most steps that the patterns of one answer may take where no automaton follows them, in some 500 ms. */
const MOST_STEPS_OF_ANSWER = 10_000_000;

/** Characters that the longest answers have: 4096 tokens of four each. */
const LONG_ANSWER = 16_384;

/** Tells whether a text matches. */
export interface PatternTester {
  /**
   * Takes time proportional to the text, whatever the pattern.
   *
   * @throws OutOfSteps or GrammarTooLarge for a text too long to be held against a pattern that no automaton follows.
   */
  test(text: string): boolean;
}

/** What a tester of lookarounds needs: RE2 has none. */
interface LookTesting {
  /** The exact language of the tree; undefined where it is too large. Asked for once, at the first test. */
  readonly exact: () => Language | undefined;
  /** What the places of a text are judged from, where it is. */
  readonly budget: () => StepBudget;
}

/** The steps of one answer. */
export function createAnswerBudget(): StepBudget {
  return createStepBudget(MOST_STEPS_OF_ANSWER);
}

/**
 * Tests whether a pattern matches somewhere in a text: for `pattern` in a JSON Schema. Patterns of users never run in
 * V8, whose time has no bound.
 *
 * @throws Refused for a pattern that is not supported or not valid, naming the construct and its position.
 */
export function patternTester(pattern: string, testing?: LookTesting): PatternTester {
  const tree = parsePattern(pattern);
  if (hasLook(tree)) return lookTester(anywhere(tree), testing);
  const compiled = RE2JS.compile(re2SourceOf(tree));
  return { test: (text) => compiled.matcher(text).find() };
}

/** Tests whether the tree matches a text from its first to its last character. */
export function fullTester(tree: PatternTree, testing?: LookTesting): PatternTester {
  if (hasLook(tree)) return lookTester(tree, testing);
  const compiled = RE2JS.compile(re2SourceOf(tree));
  return { test: (text) => compiled.matcher(text).matches() };
}

/** @throws GrammarTooLarge for a tree with looks and without automaton that may not be held against the longest answers. */
export function refuseUntestable(tree: PatternTree, exact: () => Language | undefined): void {
  // What limits the length is at work near the end of a text only.
  if (!hasLook(tree) || countStates(withoutLimits(tree)) * LONG_ANSWER <= MOST_STEPS_OF_ANSWER) return;
  if (exact() === undefined) throw tooComplex();
}

function lookTester(tree: PatternTree, testing?: LookTesting): PatternTester {
  const { exact, budget } = testing ?? { exact: () => exactLanguage(tree), budget: createAnswerBudget };
  let found: { readonly language: Language | undefined } | undefined;
  return {
    test(text) {
      found ??= { language: exact() };
      return found.language === undefined ? matchesWhole(tree, text, budget()) : isInLanguage(found.language, text);
    },
  };
}

/** RE2 refuses repetitions that multiply to more than 1,000. */
const MOST_REPETITIONS = 1_000;

/** A pattern in the syntax of RE2, which every construct has another spelling in: only sets, groups and counts are used. */
export function re2SourceOf(tree: PatternTree, outerRepetitions = 1): string {
  switch (tree.kind) {
    case 'set':
      return setSource(tree.set);
    case 'start':
      return '\\A';
    case 'end':
      return '\\z';
    case 'look':
      throw new TypeError('RE2 has no lookarounds');
    case 'sequence':
      return tree.parts.map((part) => re2SourceOf(part, outerRepetitions)).join('');
    case 'alternatives':
      return `(?:${tree.options.map((option) => re2SourceOf(option, outerRepetitions)).join('|')})`;
    case 'repeat':
      return repeatSource(tree, outerRepetitions);
  }
}

function repeatSource({ part, min, max }: PatternTree & { kind: 'repeat' }, outer: number): string {
  const most = Math.max(1, Math.floor(MOST_REPETITIONS / outer));
  const times = (count: number, atLeast: (n: number) => number): string => {
    let source = '';
    for (let left = count; left > 0; left -= most) {
      const n = Math.min(left, most);
      source += `(?:${re2SourceOf(part, outer * n)}){${atLeast(n)},${n}}`;
    }
    return source;
  };
  const required = times(min, (n) => n);
  if (max === undefined) return `(?:${required}(?:${re2SourceOf(part, outer)})*)`;
  return `(?:${required}${times(max - min, () => 0)})`;
}

function setSource(set: CodePointSet): string {
  // RE2 has no empty class.
  if (set.length === 0) return '[^\\x{0}-\\x{10FFFF}]';
  return `[${set.map(([first, last]) => `${pointSource(first)}-${pointSource(last)}`).join('')}]`;
}

function pointSource(point: number): string {
  return `\\x{${point.toString(16)}}`;
}
