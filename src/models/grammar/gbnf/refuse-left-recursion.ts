import { GrammarTooLarge, Refused } from '../output-grammar.ts';
import type { Expression } from './expression.ts';
import { firstNamesIn, isNullable, nullableRules, type Rules } from './rule-facts.ts';

/**
 * Nothing, when no rule can reach itself without a character in between: the engine fails on such grammars.
 *
 * @throws Refused for a rule that does.
 * @throws Error where something that matches the empty text is repeated without bound, which is a fault of the caller.
 */
export function refuseLeftRecursion(rules: Rules): void {
  const nullable = nullableRules(rules);
  for (const [name, expression] of rules) refuseEmptyLoops(name, expression, nullable);
  const done = new Set<string>();
  const onPath = new Set<string>();
  for (const start of rules.keys()) {
    const path = [{ name: start, next: firstNames(rules, start, nullable) }];
    onPath.add(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { value, done: isDone } = top.next.next();
      if (isDone === true) {
        path.pop();
        onPath.delete(top.name);
        done.add(top.name);
      } else if (onPath.has(value)) {
        throw new Refused('The output refers to itself with nothing in between, so no text could ever be complete');
      } else if (!done.has(value)) {
        path.push({ name: value, next: firstNames(rules, value, nullable) });
        onPath.add(value);
      }
    }
  }
}

function firstNames(rules: Rules, name: string, nullable: ReadonlySet<string>): Iterator<string, undefined> {
  const expression = rules.get(name);
  return (expression === undefined ? [] : [...firstNamesIn(expression, nullable)])[Symbol.iterator]();
}

function refuseEmptyLoops(name: string, expression: Expression, nullable: ReadonlySet<string>): void {
  switch (expression.kind) {
    case 'literal':
    case 'class':
    case 'rule':
      return;
    case 'sequence':
      for (const part of expression.parts) refuseEmptyLoops(name, part, nullable);
      return;
    case 'alternatives':
      for (const option of expression.options) refuseEmptyLoops(name, option, nullable);
      return;
    case 'repeat':
      if (expression.max === undefined && isNullable(expression.part, nullable)) {
        throw new Error(`Rule ${name} repeats without bound what may be empty`);
      }
      refuseEmptyLoops(name, expression.part, nullable);
  }
}

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
