import { type Automaton, type AutomatonState, MOST_STATES, withoutDeadEnds } from './automaton.ts';
import { createLookFollower, type Place, type Standing } from './look-follower.ts';
import { lookPartsOf } from './look-parts.ts';
import type { PatternTree } from './pattern-tree.ts';
import { OutOfSteps, type StepBudget } from './step-budget.ts';
import { symbolsOfSets } from './symbols.ts';

/**
 * The automaton of a pattern with looks, in which no two edges of a state overlap. What a lookahead asks for is followed
 * beside the pattern until it holds or fails; what a lookbehind asks for is followed from the beginning of the text.
 *
 * @throws OutOfSteps beyond {@link MOST_STATES} or the budget.
 */
export function determiniseLooks(tree: PatternTree, budget: StepBudget): Automaton {
  const parts = lookPartsOf(tree);
  const symbols = symbolsOfSets(parts.sets, budget);
  const follower = createLookFollower(parts, symbols, budget);
  const numbers = new Map<string, number>();
  const open: { readonly standing: Standing; readonly place: Place }[] = [];
  const numberOf = (at: { readonly standing: Standing; readonly place: Place }): number => {
    const key = `${at.standing.number} ${at.place.number}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (open.length === MOST_STATES) throw new OutOfSteps();
    numbers.set(key, open.length);
    return open.push(at) - 1;
  };

  const states: AutomatonState[] = [];
  numberOf(follower.start());
  for (let at = open[0]; at !== undefined; at = open[states.length]) {
    const { standing, place } = at;
    const symbolsTo = new Map<number, number[]>();
    for (const symbol of follower.symbolsFrom(standing)) {
      const next = follower.step(standing, place, symbol);
      if (next.standing.outcome === false) continue;
      const to = numberOf(next);
      const together = symbolsTo.get(to);
      if (together === undefined) symbolsTo.set(to, [symbol]);
      else together.push(symbol);
    }
    const edges = [...symbolsTo].map(([to, list]) => ({ set: symbols.setOf(list.sort((a, b) => a - b)), to }));
    states.push({ isEnd: standing.isEnd, edges });
  }
  return withoutDeadEnds(states);
}
