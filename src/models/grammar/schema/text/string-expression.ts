import { type Expression, literal, NEVER, repeat, sequence } from '../../gbnf/expression.ts';
import type { RuleSet } from '../../gbnf/rule-set.ts';
import { GrammarTooLarge, Refused } from '../../refused.ts';
import {
  intersectLanguages,
  isEmptyLanguage,
  jsonStringOf,
  type Language,
  lengthLanguage,
  searchLanguage,
} from '../../regex/language.ts';
import { at } from '../read/keyword-reader.ts';
import type { StringKeywords } from '../read/schema-site.ts';
import { formatLanguage } from './formats.ts';

/** Longest text whose end the grammar enforces; longer ones are left to the check. */
const MOST_CHARACTERS = 4_000;

/** Most patterns and formats of one text that the grammar holds it to; more are left to the check. */
const MOST_LANGUAGES = 3;

/**
 * The JSON strings that all keywords agree to, in one spelling each. Exact, unless patterns and lengths taken together
 * are too large to follow: then some of them are left to the check.
 */
export function stringExpression(
  keywords: readonly StringKeywords[],
  rules: RuleSet,
  character: Expression,
): Expression {
  const min = Math.max(0, ...keywords.map(({ minLength }) => minLength));
  const given = Math.min(...keywords.map(({ maxLength }) => maxLength ?? Number.POSITIVE_INFINITY));
  if (min > given) return NEVER;
  const max = given > MOST_CHARACTERS && given > min ? undefined : given;
  const [first, ...others] = keywords.flatMap(languagesOf).slice(0, MOST_LANGUAGES);
  if (first === undefined) return sequence(literal('"'), repeat(character, min, max), literal('"'));
  let language = others.reduce(intersectIfPossible, first);
  if (min > 0 || max !== undefined) language = withLength(language, min, max);
  return isEmptyLanguage(language) ? NEVER : jsonStringOf(rules, 'text', language);
}

function languagesOf({ pattern, format, pointer }: StringKeywords): readonly Language[] {
  const known = format === undefined ? undefined : formatLanguage(format);
  const found = known === undefined ? [] : [known];
  if (pattern === undefined) return found;
  try {
    return [searchLanguage(pattern), ...found];
  } catch (error) {
    if (error instanceof Refused) throw new Refused(`${error.message} (schema keyword "pattern" ${at(pointer)})`);
    throw error;
  }
}

function withLength(language: Language, min: number, max: number | undefined): Language {
  try {
    return intersectLanguages(language, lengthLanguage(min, max));
  } catch (error) {
    if (error instanceof GrammarTooLarge) return language;
    throw error;
  }
}

function intersectIfPossible(one: Language, other: Language): Language {
  try {
    return intersectLanguages(one, other);
  } catch (error) {
    if (error instanceof GrammarTooLarge) return one;
    throw error;
  }
}
