import { type Automaton, type AutomatonEdge, type AutomatonState, MOST_STATES, withoutDeadEnds } from './automaton.ts';
import { createLookFollower, type Place, type Standing } from './look-follower.ts';
import { lookPartsOf } from './look-parts.ts';
import { type Closure, closureFinder, type PatternMachine } from './pattern-machine.ts';
import type { PatternTree } from './pattern-tree.ts';
import { OutOfSteps, type StepBudget } from './step-budget.ts';
import { type Symbols, symbolsOfSets } from './symbols.ts';

/**
 * The automaton of a machine in which no two edges of a state overlap: the engine then follows one path, whatever the
 * pattern.
 *
 * @throws OutOfSteps beyond {@link MOST_STATES} or the budget.
 */
export function determinise(machine: PatternMachine, symbols: Symbols, budget: StepBudget): Automaton {
  const closureOf = closureFinder(machine);
  const numbers = new Map<string, number>();
  const closures: Closure[] = [];
  const numberOf = (from: readonly number[], isAtStart: boolean): number => {
    const closure = closureOf(from, isAtStart);
    budget.spend(from.length + closure.steps);
    const key = `${closure.isEnd} ${closure.sets.join()}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (closures.length === MOST_STATES) throw new OutOfSteps();
    numbers.set(key, closures.length);
    return closures.push(closure) - 1;
  };

  /** Where each set leads; then, for each class of characters, where the sets that it is in lead together. */
  const edgesOf = ({ sets }: Closure): AutomatonEdge[] => {
    const targetsOfSet = new Map<number, number[]>();
    for (const number of sets) {
      const state = machine.states[number];
      if (state?.kind !== 'set') continue;
      const set = symbols.numberOf(state.set);
      const targets = targetsOfSet.get(set);
      if (targets === undefined) targetsOfSet.set(set, [state.to]);
      else targets.push(state.to);
    }
    const setsOfSymbol = new Map<number, number[]>();
    for (const set of targetsOfSet.keys()) {
      const list = symbols.symbolsOf(set);
      budget.spend(list.length);
      for (const symbol of list) {
        const owners = setsOfSymbol.get(symbol);
        if (owners === undefined) setsOfSymbol.set(symbol, [set]);
        else owners.push(set);
      }
    }
    const stateOfSets = new Map<string, number>();
    const symbolsOfState = new Map<number, number[]>();
    for (const [symbol, owners] of setsOfSymbol) {
      budget.spend(owners.length);
      const key = owners.join();
      let to = stateOfSets.get(key);
      if (to === undefined) {
        to = numberOf(
          owners.flatMap((set) => targetsOfSet.get(set) ?? []),
          false,
        );
        stateOfSets.set(key, to);
      }
      const together = symbolsOfState.get(to);
      if (together === undefined) symbolsOfState.set(to, [symbol]);
      else together.push(symbol);
    }
    return [...symbolsOfState].map(([to, list]) => ({ set: symbols.setOf(list.sort((a, b) => a - b)), to }));
  };

  const states: AutomatonState[] = [];
  numberOf([machine.first], true);
  for (let closure = closures[0]; closure !== undefined; closure = closures[states.length]) {
    states.push({ isEnd: closure.isEnd, edges: edgesOf(closure) });
  }
  return withoutDeadEnds(states);
}

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
