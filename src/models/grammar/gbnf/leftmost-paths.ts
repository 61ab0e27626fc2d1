import { GrammarTooLarge } from '../refused.ts';
import type { Expression } from './expression.ts';
import { isNullable, nullableRules, type Rules } from './rule-facts.ts';

/** Longest chain of rules that begin with one another; the engine follows it by recursion. */
const LONGEST_CHAIN = 500;

/**
 * Nothing, when no rule has more than `most` ways to its first character. The engine walks all of them one by one to
 * read a grammar, and weighs every token of the vocabulary for each of those that end in different places.
 *
 * @param rules Rules without left recursion.
 * @throws GrammarTooLarge for a rule that has.
 */
export function keepLeftmostPathsWithin(most: number, rules: Rules): void {
  const nullable = nullableRules(rules);
  const paths = new Map<string, number>();

  const pathsOf = (expression: Expression): number => {
    switch (expression.kind) {
      case 'literal':
        return expression.text === '' ? 0 : 1;
      case 'class':
        return 1;
      case 'sequence': {
        let sum = 0;
        for (const part of expression.parts) {
          sum += pathsOf(part);
          if (!isNullable(part, nullable)) break;
        }
        return sum;
      }
      case 'alternatives':
        return expression.options.reduce((sum, option) => sum + pathsOf(option), 0);
      case 'repeat': {
        const times = isNullable(expression.part, nullable) ? Math.max(1, expression.max ?? 1) : 1;
        return pathsOf(expression.part) * times;
      }
      case 'rule':
        if (chain > LONGEST_CHAIN) throw tooManyBeginnings();
        return 1 + pathsOfRule(expression.name);
    }
  };
  let chain = 0;
  const pathsOfRule = (name: string): number => {
    const known = paths.get(name);
    if (known !== undefined) return known;
    const expression = rules.get(name);
    chain += 1;
    const count = expression === undefined ? 0 : pathsOf(expression);
    chain -= 1;
    if (count > most) throw tooManyBeginnings();
    paths.set(name, count);
    return count;
  };

  for (const name of rules.keys()) pathsOfRule(name);
}

function tooManyBeginnings(): GrammarTooLarge {
  return new GrammarTooLarge('The output allows too many different beginnings to be followed');
}
