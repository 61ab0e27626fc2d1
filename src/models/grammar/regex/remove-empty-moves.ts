import { type Automaton, type AutomatonState, MOST_STATES, withoutDeadEnds } from './automaton.ts';
import { closureFinder, type PatternMachine } from './pattern-machine.ts';
import { OutOfSteps, type StepBudget } from './step-budget.ts';
import type { Symbols } from './symbols.ts';

/** The characters of the longest tokens that vocabularies commonly have. */
const TOKEN_LENGTH = 16;

/** Most ways in which the engine may have to follow one token: it tries each of them for every token it rejects. */
const MOST_WAYS = 256;

/**
 * The automaton of a machine whose edges may overlap, for patterns with too many states otherwise.
 *
 * @throws OutOfSteps where the engine might follow one token in more than {@link MOST_WAYS} ways, and beyond
 * {@link MOST_STATES} or the budget.
 */
export function removeEmptyMoves(machine: PatternMachine, symbols: Symbols, budget: StepBudget): Automaton {
  const automaton = withoutDeadEnds(closuresOf(machine, budget));
  if (mostWays(automaton, machine, symbols, budget) > MOST_WAYS) throw new OutOfSteps();
  return automaton;
}

function closuresOf(machine: PatternMachine, budget: StepBudget): Automaton {
  const closureOf = closureFinder(machine);
  const states: AutomatonState[] = [];
  const seeds = [machine.first];
  // The first state is met again as a later one by patterns that loop to their beginning; the two differ in `^`.
  const numbers = new Map<number, number>();
  for (let seed = seeds[0]; seed !== undefined; seed = seeds[states.length]) {
    const { sets, isEnd, steps } = closureOf([seed], states.length === 0);
    budget.spend(steps + sets.length);
    const edges = sets.flatMap((number) => {
      const state = machine.states[number];
      if (state?.kind !== 'set') return [];
      let to = numbers.get(state.to);
      if (to === undefined) {
        to = seeds.push(state.to) - 1;
        numbers.set(state.to, to);
      }
      return [{ set: state.set, to }];
    });
    states.push({ isEnd, edges });
    if (states.length > MOST_STATES) throw new OutOfSteps();
  }
  return states;
}

/** An upper bound for the ways in which one token can be followed from any state. */
function mostWays(automaton: Automaton, machine: PatternMachine, symbols: Symbols, budget: StepBudget): number {
  const symbolsOf = new Map(
    machine.states.flatMap((state) =>
      state.kind === 'set' ? [[state.set, symbols.symbolsOf(symbols.numberOf(state.set))] as const] : [],
    ),
  );
  let ways: readonly number[] = automaton.map(() => 1);
  for (let length = 1; length <= TOKEN_LENGTH; length += 1) {
    const shorter = ways;
    ways = automaton.map(({ edges }) => {
      const waysOfSymbol = new Map<number, number>();
      for (const { set, to } of edges) {
        for (const symbol of symbolsOf.get(set) ?? []) {
          budget.spend(1);
          waysOfSymbol.set(symbol, (waysOfSymbol.get(symbol) ?? 0) + (shorter[to] ?? 0));
        }
      }
      return Math.max(1, ...waysOfSymbol.values());
    });
  }
  return ways.reduce((most, count) => Math.max(most, count), 0);
}
