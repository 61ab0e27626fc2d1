import type { CodePointSet } from '../gbnf/code-points.ts';
import {
  alternatives,
  characterClass,
  EMPTY,
  type Expression,
  literal,
  NEVER,
  ruleRef,
  sequence,
} from '../gbnf/expression.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';
import type { Automaton, AutomatonEdge } from './automaton.ts';

/** Sets of more ranges become rules of their own. */
export const MOST_INLINE_RANGES = 6;

/** How an automaton is written into a grammar. */
export interface AutomatonWriting {
  /** What stands for one character of a set. */
  readonly character: (set: CodePointSet) => Expression;
  /** What stands at the end of a text. */
  readonly end: Expression;
}

/** Characters stand for themselves. */
const PLAIN_WRITING: AutomatonWriting = { character: plainCharacter, end: EMPTY };

/** One character of a set as it is. */
function plainCharacter(set: CodePointSet): Expression {
  const [range, ...others] = set;
  const isOne = range !== undefined && others.length === 0 && range[0] === range[1];
  return isOne ? literal(String.fromCodePoint(range[0])) : characterClass(set);
}

/**
 * Adds the automaton to the rules and gives the expression that matches its texts.
 *
 * There is a rule for each state that is branched to, and each option of it ends in at most one other rule: the engine's
 * stack stays flat, and it weighs no more options than the state has edges.
 */
export function addAutomaton(
  ruleSet: RuleSet,
  hint: string,
  automaton: Automaton,
  { character, end }: AutomatonWriting = PLAIN_WRITING,
): Expression {
  if (automaton.length === 0) return NEVER;
  const entries = automaton.map(() => 0);
  for (const { edges } of automaton) for (const { to } of edges) entries[to] = (entries[to] ?? 0) + 1;
  const names = automaton.map(({ isEnd, edges }, state) => {
    const isPassage = state !== 0 && !isEnd && edges.length === 1 && entries[state] === 1;
    return isPassage ? undefined : ruleSet.reserve(hint).name;
  });

  const written = new Map<CodePointSet, Expression>();
  const characterOf = (set: CodePointSet): Expression => {
    let expression = written.get(set);
    if (expression === undefined) {
      expression = character(set);
      if (set.length > MOST_INLINE_RANGES) expression = ruleSet.add(`${hint}-character`, expression);
      written.set(set, expression);
    }
    return expression;
  };

  /** An edge, with the states that it only passes through. */
  const wayAlong = (edge: AutomatonEdge): Expression => {
    const parts: Expression[] = [];
    for (let next: AutomatonEdge | undefined = edge; next !== undefined; ) {
      parts.push(characterOf(next.set));
      const name: string | undefined = names[next.to];
      const state: Automaton[number] | undefined = automaton[next.to];
      if (name !== undefined) {
        const isLast = state?.isEnd === true && state.edges.length === 0;
        parts.push(isLast ? end : ruleRef(name));
      }
      next = name === undefined ? state?.edges[0] : undefined;
    }
    return sequence(...parts);
  };

  automaton.forEach(({ isEnd, edges }, state) => {
    const name = names[state];
    if (name === undefined) return;
    const options = edges.map(wayAlong);
    ruleSet.define(name, alternatives(isEnd ? [...options, end] : options));
  });
  return ruleRef(names[0] ?? '');
}
