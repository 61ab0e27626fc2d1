import { ANY_CHARACTER, type CodePointSet, countOf } from '../gbnf/code-points.ts';
import type { Expression } from '../gbnf/expression.ts';
import { literal, sequence } from '../gbnf/expression.ts';
import { elementsOf } from '../gbnf/grammar-budget.ts';
import { jsonCharacter } from '../gbnf/json-characters.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import { type Automaton, acceptsText, intersectAutomata, MOST_STATES } from './automaton.ts';
import { addAutomaton, MOST_INLINE_RANGES } from './automaton-rules.ts';
import { determinise, determiniseLooks } from './determinise.ts';
import { ANY_TEXT } from './look-parts.ts';
import { machineOf } from './pattern-machine.ts';
import { hasLook, hasPart, type PatternTree, sizeOf, withoutParts } from './pattern-tree.ts';
import { NOT_LINE_ENDS } from './read/character-sets.ts';
import { LARGEST_PATTERN, parsePattern } from './read/parse-pattern.ts';
import { removeEmptyMoves } from './remove-empty-moves.ts';
import { createStepBudget, OutOfSteps, type StepBudget } from './step-budget.ts';
import { symbolsOfSets } from './symbols.ts';

/** A set of texts that the engine can be held to. */
export type Language = Automaton;

/** Bounds each part of the way to an automaton to some 100 ms. */
const MOST_STEPS = 1_000_000;

/** What a step takes where lookarounds are followed, in other steps. */
const WEIGHT_OF_LOOKS = 3;

/** Least length whose limit by a lookahead may be left to the check. */
const LEAST_LIMIT = 50;

/**
 * The texts that a pattern matches from their first to their last character.
 *
 * @throws Refused for a pattern that is not supported or not valid, naming the construct and its position.
 * @throws GrammarTooLarge for one that would take too long to follow.
 */
export function fullLanguage(pattern: string, whole?: StepBudget): Language {
  return languageOf(parsePattern(pattern), whole);
}

/** The texts in which a pattern matches somewhere, as `pattern` in a JSON Schema asks; otherwise like {@link fullLanguage}. */
export function searchLanguage(pattern: string, whole?: StepBudget): Language {
  return languageOf(anywhere(parsePattern(pattern)), whole);
}

/** What matches the texts in which a tree matches somewhere. */
export function anywhere(tree: PatternTree): PatternTree {
  return { kind: 'sequence', parts: [ANY_TEXT, tree, ANY_TEXT] };
}

/** The texts of `min` to `max` characters, counted as code points; `max` undefined: no bound. @throws GrammarTooLarge */
export function lengthLanguage(min: number, max: number | undefined): Language {
  const last = max ?? min;
  if (last >= MOST_STATES) throw tooComplex();
  return Array.from({ length: last + 1 }, (_, length) => {
    const next = length < last ? length + 1 : length;
    const isOpen = length < last || max === undefined;
    return { isEnd: length >= min, edges: isOpen ? [{ set: ANY_CHARACTER, to: next }] : [] };
  });
}

/** The texts that are in both, in at most `mostStates` states. @throws GrammarTooLarge */
export function intersectLanguages(
  one: Language,
  other: Language,
  mostStates: number = MOST_STATES,
  whole?: StepBudget,
): Language {
  return intersectAutomata(one, other, mostStates, whole);
}

/** True when there is no text in it at all. */
export function isEmptyLanguage(language: Language): boolean {
  return language.length === 0;
}

/** True when the text is in it; in time proportional to the text. */
export function isInLanguage(language: Language, text: string): boolean {
  return acceptsText(language, text);
}

/** The JSON strings, quotes included, of the texts of a language, written as `JSON.stringify` does. */
export function jsonStringOf(ruleSet: RuleSet, hint: string, language: Language): Expression {
  const quote = literal('"');
  return sequence(quote, addAutomaton(ruleSet, hint, language, { character: jsonCharacter, end: quote }));
}

/** About as many as the elements of a grammar that {@link jsonStringOf} adds. */
export function jsonElementsOf(language: Language): number {
  const sizes = new Map<CodePointSet, number>();
  let elements = 0;
  for (const { edges } of language) {
    for (const { set } of edges) {
      const size = sizes.get(set) ?? elementsOf(jsonCharacter(set));
      sizes.set(set, size);
      elements += 2 + (set.length > MOST_INLINE_RANGES ? 1 : size);
    }
  }
  return elements;
}

/** The texts that a tree matches, all that it says; undefined for one that would take too long to follow. */
export function exactLanguage(tree: PatternTree, whole?: StepBudget): Language | undefined {
  if (sizeOf(tree) > LARGEST_PATTERN) return undefined;
  if (hasLook(tree)) return withinSteps((budget) => determiniseLooks(tree, weighed(budget)), whole);
  const machine = machineOf(tree);
  const sets = machine.states.flatMap((state) => (state.kind === 'set' ? [state.set] : []));
  const symbols = withinSteps((budget) => symbolsOfSets(sets, budget), whole);
  if (symbols === undefined) return undefined;
  return (
    withinSteps((budget) => determinise(machine, symbols, budget), whole) ??
    withinSteps((budget) => removeEmptyMoves(machine, symbols, budget), whole)
  );
}

/** The texts of a tree without its lookaheads for the length of the text, which are left to the check. @throws GrammarTooLarge */
export function looserLanguage(tree: PatternTree, whole?: StepBudget): Language {
  if (!hasPart(tree, isLimitOfLength)) throw tooComplex();
  return languageOf(withoutLimits(tree), whole);
}

/** The tree without its lookaheads for the length of the text. */
export function withoutLimits(tree: PatternTree): PatternTree {
  return withoutParts(tree, isLimitOfLength);
}

function languageOf(tree: PatternTree, whole?: StepBudget): Language {
  return exactLanguage(tree, whole) ?? looserLanguage(tree, whole);
}

/** True for a lookahead such as `(?=.{1,253}$)`. */
function isLimitOfLength(tree: PatternTree): boolean {
  if (tree.kind !== 'look' || !tree.isAhead || tree.isNegated) return false;
  return hasPart(tree.part, (part) => part.kind === 'repeat' && (part.max ?? 0) >= LEAST_LIMIT && isAnyOf(part.part));
}

function isAnyOf(tree: PatternTree): boolean {
  return tree.kind === 'set' && countOf(tree.set) >= countOf(NOT_LINE_ENDS);
}

function weighed(budget: StepBudget): StepBudget {
  return { spend: (steps) => budget.spend(WEIGHT_OF_LOOKS * steps) };
}

/** Undefined when the work takes more than {@link MOST_STEPS}. */
function withinSteps<T>(work: (budget: StepBudget) => T, whole: StepBudget | undefined): T | undefined {
  try {
    return work(createStepBudget(MOST_STEPS, whole));
  } catch (error) {
    if (error instanceof OutOfSteps) return undefined;
    throw error;
  }
}

/** The refusal of a pattern that cannot be followed. */
export function tooComplex(): GrammarTooLarge {
  return new GrammarTooLarge('Pattern too complex: there are more ways to match it than can be followed');
}
