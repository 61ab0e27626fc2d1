import { GrammarTooLarge } from '../output-grammar.ts';
import type { Expression } from './expression.ts';
import type { Rules } from './rule-facts.ts';

/** What one grammar may cost the engine. */
export interface GrammarBudget {
  /** Most elements after the engine has written out every repetition: characters, ranges, names, ends. */
  readonly elements: number;
  /** Deepest nesting of expressions; the engine reads groups by recursion. */
  readonly depth: number;
  /** Most ways from a rule to its first character, through the rules that it begins with. */
  readonly leftmostPaths: number;
}

export const GRAMMAR_BUDGET: GrammarBudget = { elements: 200_000, depth: 100, leftmostPaths: 5_000 };

/** @throws GrammarTooLarge for rules beyond the budget; takes time in proportion to what was given, not to what it repeats. */
export function keepWithin(budget: GrammarBudget, rules: Rules): void {
  const counter = createElementCounter(budget);
  for (const expression of rules.values()) counter.count(expression);
}

/** Counts the elements of a grammar while its rules are made. */
export interface ElementCounter {
  /** @throws GrammarTooLarge when this rule is one too many. */
  count(expression: Expression): void;
  /** How many more there may be. */
  left(): number;
}

/** A counter of what one grammar may have. */
export function createElementCounter(budget: GrammarBudget): ElementCounter {
  let left = budget.elements;
  return {
    count(expression) {
      left -= elementsOf(expression, budget.depth) + 1;
      if (left >= 0) return;
      throw new GrammarTooLarge(
        `The output is too large to be enforced: more than ${budget.elements} grammar elements`,
      );
    },
    left: () => left,
  };
}

/** What an expression comes to once its repetitions are written out. @throws GrammarTooLarge for one nested deeper than `depth`. */
export function elementsOf(expression: Expression, depth: number = GRAMMAR_BUDGET.depth): number {
  if (depth === 0) throw new GrammarTooLarge('The output is nested too deeply to be enforced');
  switch (expression.kind) {
    case 'literal':
      return expression.text.length;
    case 'class':
      return 2 * expression.set.length;
    case 'rule':
      return 1;
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + elementsOf(part, depth - 1), 0);
    case 'alternatives':
      return expression.options.reduce((sum, option) => sum + elementsOf(option, depth - 1) + 1, 1);
    case 'repeat':
      return (elementsOf(expression.part, depth - 1) + 2) * Math.max(1, expression.max ?? expression.min + 1);
  }
}
