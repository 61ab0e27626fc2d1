import { ANY_CHARACTER } from '../gbnf/code-points.ts';
import type { Expression } from '../gbnf/expression.ts';
import { literal, sequence } from '../gbnf/expression.ts';
import { jsonCharacter } from '../gbnf/json-characters.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../refused.ts';
import { type Automaton, acceptsText, intersectAutomata } from './automaton.ts';
import { addAutomaton } from './automaton-rules.ts';
import { determinise } from './determinise.ts';
import { LARGEST_PATTERN, parsePattern } from './parse-pattern.ts';
import { machineOf } from './pattern-machine.ts';
import { type PatternTree, sizeOf } from './pattern-tree.ts';
import { removeEmptyMoves } from './remove-empty-moves.ts';
import { createStepBudget, OutOfSteps, type StepBudget } from './step-budget.ts';
import { symbolsOfSets } from './symbols.ts';

/** A set of texts that the engine can be held to. */
export type Language = Automaton;

/** Bounds each part of the way to an automaton to some 100 ms. */
const MOST_STEPS = 1_000_000;

const ANY_TEXT: PatternTree = { kind: 'repeat', part: { kind: 'set', set: ANY_CHARACTER }, min: 0, max: undefined };

/**
 * The texts that a pattern matches from their first to their last character.
 *
 * @throws Refused for a pattern that is not supported or not valid, naming the construct and its position.
 * @throws GrammarTooLarge for one that would take too long to follow.
 */
export function fullLanguage(pattern: string): Language {
  return languageOf(parsePattern(pattern));
}

/** The texts in which a pattern matches somewhere, as `pattern` in a JSON Schema asks; otherwise like {@link fullLanguage}. */
export function searchLanguage(pattern: string): Language {
  return languageOf({ kind: 'sequence', parts: [ANY_TEXT, parsePattern(pattern), ANY_TEXT] });
}

/** The texts of `min` to `max` characters, counted as code points; `max` undefined: no bound. */
export function lengthLanguage(min: number, max: number | undefined): Language {
  return languageOf({ kind: 'repeat', part: { kind: 'set', set: ANY_CHARACTER }, min, max });
}

/** The texts that are in both. @throws GrammarTooLarge */
export function intersectLanguages(one: Language, other: Language): Language {
  return intersectAutomata(one, other);
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

function languageOf(tree: PatternTree): Language {
  if (sizeOf(tree) > LARGEST_PATTERN) throw tooComplex();
  const machine = machineOf(tree);
  const sets = machine.states.flatMap((state) => (state.kind === 'set' ? [state.set] : []));
  const symbols = withinSteps((budget) => symbolsOfSets(sets, budget));
  if (symbols === undefined) throw tooComplex();
  const language =
    withinSteps((budget) => determinise(machine, symbols, budget)) ??
    withinSteps((budget) => removeEmptyMoves(machine, symbols, budget));
  if (language === undefined) throw tooComplex();
  return language;
}

/** Undefined when the work takes more than {@link MOST_STEPS}. */
function withinSteps<T>(work: (budget: StepBudget) => T): T | undefined {
  try {
    return work(createStepBudget(MOST_STEPS));
  } catch (error) {
    if (error instanceof OutOfSteps) return undefined;
    throw error;
  }
}

function tooComplex(): GrammarTooLarge {
  return new GrammarTooLarge('Pattern too complex: there are more ways to match it than can be followed');
}
