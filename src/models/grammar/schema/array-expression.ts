import { type Expression, literal, NEVER, optional, repeat, sequence } from '../gbnf/expression.ts';
import { COMMA } from '../gbnf/json-characters.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';
import type { ArrayKeywords, Conjunction } from './read/schema-site.ts';

/** Most items whose number the grammar bounds from above; more are left to the check. */
const MOST_ITEMS = 1_000;

/**
 * The JSON arrays that all keywords agree to but for `uniqueItems`; `expressionOf` gives the values of schemas that all
 * hold.
 */
export function arrayExpression(
  keywords: readonly ArrayKeywords[],
  rules: RuleSet,
  expressionOf: (conjunction: Conjunction) => Expression,
): Expression {
  const min = Math.max(0, ...keywords.map(({ minItems }) => minItems));
  const given = Math.min(...keywords.map(({ maxItems }) => maxItems ?? Number.POSITIVE_INFINITY));
  if (min > given) return NEVER;
  const max = given > MOST_ITEMS && given > min ? undefined : given;
  const prefixLength = Math.min(max ?? MOST_ITEMS, Math.max(0, ...keywords.map((each) => each.prefixItems.length)));
  const itemAt = (index: number) =>
    expressionOf(keywords.flatMap(({ prefixItems, items }) => prefixItems[index] ?? items ?? []));

  let members = furtherItems(prefixLength, expressionOfRest(), min, max);
  for (let index = prefixLength - 1; index >= 0; index -= 1) {
    const from = sequence(index === 0 ? literal('') : COMMA, itemAt(index), members);
    members = rules.add('items', index < min ? from : optional(from));
  }
  return sequence(literal('['), members, literal(']'));

  function expressionOfRest(): Expression {
    return max === prefixLength ? NEVER : expressionOf(keywords.flatMap(({ items }) => items ?? []));
  }
}

/** What follows `before` items. */
function furtherItems(before: number, item: Expression, min: number, max: number | undefined): Expression {
  if (before > 0) {
    return repeat(sequence(COMMA, item), Math.max(0, min - before), max === undefined ? undefined : max - before);
  }
  if (max === 0) return literal('');
  const list = sequence(
    item,
    repeat(sequence(COMMA, item), Math.max(0, min - 1), max === undefined ? undefined : max - 1),
  );
  return min === 0 ? optional(list) : list;
}
