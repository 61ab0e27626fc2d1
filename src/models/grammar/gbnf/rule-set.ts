import { type Expression, isEmpty, isNever, ruleRef } from './expression.ts';
import { createElementCounter, GRAMMAR_BUDGET } from './grammar-budget.ts';

const NOT_IN_NAMES = /[^a-zA-Z0-9]+/g;
const LONGEST_NAME = 40;

/** The rules of a grammar while it is made; the same calls in the same order give the same names. */
export interface RuleSet {
  readonly rules: ReadonlyMap<string, Expression>;
  /**
   * A reference to a rule with this right side; equal right sides share one rule. What is empty or impossible comes
   * back as it is. `hint` becomes the name, cut down to letters and digits, with a number when it is taken.
   */
  add(hint: string, expression: Expression): Expression;
  /** A reference to a rule that `define` gives its right side later: for rules that refer to themselves. */
  reserve(hint: string): Expression & { readonly kind: 'rule' };
  /** The right side of a rule, by its name. */
  define(name: string, expression: Expression): void;
  /** How many more elements the grammar may have: `add` and `define` throw GrammarTooLarge beyond them. */
  elementsLeft(): number;
}

/** An empty {@link RuleSet}; `root` is left for `define('root', ...)`. */
export function createRuleSet(): RuleSet {
  const rules = new Map<string, Expression>();
  const taken = new Map<string, number>([['root', 1]]);
  const nameOfText = new Map<string, string>();
  const elements = createElementCounter(GRAMMAR_BUDGET);

  const freeName = (hint: string): string => {
    const base =
      hint
        .replaceAll(NOT_IN_NAMES, '-')
        .replaceAll(/^-+|-+$/g, '')
        .slice(0, LONGEST_NAME) || 'rule';
    for (;;) {
      const uses = (taken.get(base) ?? 0) + 1;
      taken.set(base, uses);
      if (uses === 1) return base;
      const name = `${base}-${uses}`;
      if (!taken.has(name)) {
        taken.set(name, 1);
        return name;
      }
    }
  };

  return {
    rules,
    add(hint, expression) {
      if (isEmpty(expression) || isNever(expression) || expression.kind === 'rule') return expression;
      const text = JSON.stringify(expression);
      const known = nameOfText.get(text);
      if (known !== undefined) return ruleRef(known);
      const name = freeName(hint);
      nameOfText.set(text, name);
      elements.count(expression);
      rules.set(name, expression);
      return ruleRef(name);
    },
    reserve(hint) {
      return { kind: 'rule', name: freeName(hint) };
    },
    define(name, expression) {
      elements.count(expression);
      rules.set(name, expression);
    },
    elementsLeft: elements.left,
  };
}
