import { type Expression, literal, NEVER, repeat, sequence } from '../../gbnf/expression.ts';
import type { RuleSet } from '../../gbnf/rule-set.ts';
import { GrammarTooLarge, Refused } from '../../output-grammar.ts';
import { MOST_STATES } from '../../regex/automaton.ts';
import type { DocumentPatterns } from '../../regex/document-patterns.ts';
import {
  intersectLanguages,
  isEmptyLanguage,
  jsonElementsOf,
  jsonStringOf,
  type Language,
  lengthLanguage,
} from '../../regex/language.ts';
import { createDocumentBudget } from '../../regex/step-budget.ts';
import { textLengthsOf } from '../../regex/text-lengths.ts';
import { at } from '../read/keyword-reader.ts';
import type { StringKeywords } from '../read/schema-site.ts';
import { formatLanguage } from './formats.ts';

/** Longest text whose end the grammar enforces; longer ones are left to the check. */
const MOST_CHARACTERS = 4_000;

/** Most patterns and formats of one text that the grammar holds it to; more are left to the check. */
const MOST_LANGUAGES = 3;

/** Most pairs of edges that all products of one document weigh, in some 200 ms; beyond it the check alone knows. */
const MOST_PRODUCT_STEPS = 400_000;

/** An end, a name, and a character. */
const LEAST_ELEMENTS_OF_STATE = 4;

/** Most of what is left of the grammar that one product of patterns and lengths may take. */
const LARGEST_SHARE = 1 / 4;

/** The JSON strings that all keywords agree to. */
export type StringExpressions = (keywords: readonly StringKeywords[]) => Expression;

/**
 * Writes texts into the rules of one document: one spelling each, and one rule for the same keywords wherever they
 * stand. Exact, unless patterns and lengths taken together are too large to follow: then some of them are left to the
 * check.
 */
export function createStringExpressions(
  rules: RuleSet,
  character: Expression,
  patterns: DocumentPatterns,
): StringExpressions {
  const products = createDocumentBudget(MOST_PRODUCT_STEPS);
  const written = new Map<string, Expression>();

  const room = () => rules.elementsLeft() * LARGEST_SHARE;
  const mostStates = () => Math.min(MOST_STATES, room() / LEAST_ELEMENTS_OF_STATE);

  /** The texts in both; those of the first alone where there is no room for it. */
  const intersect = (one: Language, other: Language): Language => {
    try {
      const both = intersectLanguages(one, other, mostStates(), products);
      return jsonElementsOf(both) > room() ? one : both;
    } catch (error) {
      if (error instanceof GrammarTooLarge) return one;
      throw error;
    }
  };

  const withLength = (language: Language, min: number, max: number | undefined): Language => {
    const { least, most } = textLengthsOf(language);
    if (least > (max ?? least) || most < min) return [];
    if (least >= min && most <= (max ?? most)) return language;
    const hasRoom = (max ?? min) < mostStates(); // the product has a state for each length at least
    return hasRoom ? intersect(language, lengthLanguage(min, max)) : language;
  };

  const write = (constraints: readonly Constraint[], min: number, max: number | undefined): Expression => {
    const [first, ...others] = constraints.slice(0, MOST_LANGUAGES).map((each) => each.read(patterns.languageOf));
    for (const each of constraints.slice(MOST_LANGUAGES)) each.read(patterns.refuseUntestable);
    if (first === undefined) return sequence(literal('"'), repeat(character, min, max), literal('"'));
    const language = withLength(others.reduce(intersect, first), min, max);
    return isEmptyLanguage(language) ? NEVER : jsonStringOf(rules, 'text', language);
  };

  return (keywords) => {
    const min = Math.max(0, ...keywords.map(({ minLength }) => minLength));
    const given = Math.min(...keywords.map(({ maxLength }) => maxLength ?? Number.POSITIVE_INFINITY));
    if (min > given) return NEVER;
    const max = given > MOST_CHARACTERS && given > min ? undefined : given;
    const constraints = keywords.flatMap(constraintsOf);
    const key = JSON.stringify([min, max, constraints.map(({ text }) => text)]);
    const expression = written.get(key) ?? write(constraints, min, max);
    written.set(key, expression);
    return expression;
  };
}

/** What a pattern or a format asks of a text. */
interface Constraint {
  /** The same for the same demand. */
  readonly text: string;
  /** What `readPattern` makes of a pattern, or the language of a format. @throws Refused naming the schema */
  read<Read>(readPattern: (pattern: string) => Read): Read | Language;
}

function constraintsOf({ pattern, format, pointer }: StringKeywords): readonly Constraint[] {
  const constraints: Constraint[] = [];
  if (pattern !== undefined) {
    constraints.push({
      text: `pattern ${pattern}`,
      read(readPattern) {
        try {
          return readPattern(pattern);
        } catch (error) {
          if (error instanceof Refused) throw new Refused(`${error.message} (schema keyword "pattern" ${at(pointer)})`);
          throw error;
        }
      },
    });
  }
  const language = format === undefined ? undefined : formatLanguage(format);
  if (language !== undefined) constraints.push({ text: `format ${format}`, read: () => language });
  return constraints;
}
