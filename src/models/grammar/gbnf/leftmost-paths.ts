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
  const known = new Map<string, Beginnings>();

  const ofExpression = (expression: Expression): Beginnings => {
    switch (expression.kind) {
      case 'literal':
        return expression.text === '' ? NONE : ONE;
      case 'class':
        return ONE;
      case 'sequence': {
        const end = expression.parts.findIndex((part) => !isNullable(part, nullable));
        return together(expression.parts.slice(0, end === -1 ? undefined : end + 1).map(ofExpression));
      }
      case 'alternatives':
        return together(expression.options.map(ofExpression));
      case 'repeat': {
        const { paths, chain } = ofExpression(expression.part);
        const times = isNullable(expression.part, nullable) ? Math.max(1, expression.max ?? 1) : 1;
        return { paths: paths * times, chain };
      }
      case 'rule': {
        const { paths, chain } = ofRule(expression.name);
        return { paths: paths + 1, chain: chain + 1 };
      }
    }
  };
  let depth = 0;
  const ofRule = (name: string): Beginnings => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const expression = rules.get(name);
    depth += 1;
    if (depth > LONGEST_CHAIN) throw tooManyBeginnings();
    const beginnings = expression === undefined ? NONE : ofExpression(expression);
    depth -= 1;
    if (beginnings.paths > most || beginnings.chain >= LONGEST_CHAIN) throw tooManyBeginnings();
    known.set(name, beginnings);
    return beginnings;
  };

  for (const name of rules.keys()) ofRule(name);
}

/** How an expression may begin: in how many ways, and through how many rules that begin with one another. */
interface Beginnings {
  readonly paths: number;
  readonly chain: number;
}

const NONE: Beginnings = { paths: 0, chain: 0 };
const ONE: Beginnings = { paths: 1, chain: 0 };

function together(parts: readonly Beginnings[]): Beginnings {
  return parts.reduce(
    (sum, { paths, chain }) => ({ paths: sum.paths + paths, chain: Math.max(sum.chain, chain) }),
    NONE,
  );
}

function tooManyBeginnings(): GrammarTooLarge {
  return new GrammarTooLarge('The output allows too many different beginnings to be followed');
}
