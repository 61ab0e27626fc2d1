import { containsPoint } from '../gbnf/code-points.ts';
import { type MachineState, machineOf } from './pattern-machine.ts';
import type { PatternTree } from './pattern-tree.ts';
import type { StepBudget } from './step-budget.ts';

/** The number of the state of every machine where the tree has matched. */
const ACCEPT = 0;

/** Whether something holds at each place of a text, from its beginning to its end: 1 or 0. */
type Holding = Uint8Array;

/**
 * Whether a tree matches a text as a whole, by another way than its automaton: from the innermost look outwards, each is
 * decided for every place of the text, forwards or backwards. Takes a step for each state that is met at each place: at most
 * {@link countStates} of them, however the parts of the pattern combine.
 *
 * @throws what the budget throws
 */
export function matchesWhole(tree: PatternTree, text: string, budget: StepBudget): boolean {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  return createPlaceJudge(points, budget).fromHere(tree, false)[0] === 1;
}

/** The states of a tree and of the parts of its looks: the most steps that one place of a text takes, or near it. */
export function countStates(tree: PatternTree): number {
  const counted = new Set<PatternTree>();
  const count = (part: PatternTree): number => {
    if (counted.has(part)) return 0;
    counted.add(part);
    const { states } = machineOf(part);
    return states.reduce((sum, state) => sum + (state.kind === 'look' ? count(state.look.part) : 0), states.length);
  };
  return count(tree);
}

/** Judges trees at every place of one text. */
function createPlaceJudge(points: readonly number[], budget: StepBudget) {
  const known = { ahead: new Map<PatternTree, Holding>(), behind: new Map<PatternTree, Holding>() };
  const looksOf = (states: readonly MachineState[]): readonly (Holding | undefined)[] =>
    states.map((state) => {
      if (state.kind !== 'look') return undefined;
      const { part, isAhead } = state.look;
      const map = isAhead ? known.ahead : known.behind;
      const holding = map.get(part) ?? (isAhead ? fromHere(part, true) : upToHere(part));
      map.set(part, holding);
      return holding;
    });

  /** True where a state that takes no character may be passed. */
  const isOpenAt = (state: MachineState, holding: Holding | undefined, place: number): boolean => {
    switch (state.kind) {
      case 'split':
        return true;
      case 'start':
        return place === 0;
      case 'end':
        return place === points.length;
      case 'look':
        return (holding?.[place] === 1) !== state.look.isNegated;
      case 'set':
      case 'accept':
        return false;
    }
  };

  /** Where the tree matches what comes: up to any later place, or up to the end only. */
  const fromHere = (tree: PatternTree, isPrefix: boolean): Holding => {
    const { states, first } = machineOf(tree);
    const looks = looksOf(states);
    const sources = states.map((): number[] => []);
    const takers = states.map((): number[] => []);
    states.forEach((state, number) => {
      if (state.kind === 'set') takers[state.to]?.push(number);
      else if (state.kind !== 'accept') for (const to of state.to) sources[to]?.push(number);
    });
    const holding = new Uint8Array(points.length + 1);
    const seen = new Int32Array(states.length).fill(-1);
    let after: readonly number[] = [];
    for (let place = points.length; place >= 0; place -= 1) {
      const point = points[place];
      const open = isPrefix || place === points.length ? [ACCEPT] : [];
      budget.spend(1);
      for (const to of after) {
        const candidates = takers[to] ?? [];
        budget.spend(candidates.length);
        for (const number of candidates) {
          const state = states[number];
          if (point !== undefined && state?.kind === 'set' && containsPoint(state.set, point)) open.push(number);
        }
      }
      const here: number[] = [];
      for (let number = open.pop(); number !== undefined; number = open.pop()) {
        if (seen[number] === place) continue;
        seen[number] = place;
        here.push(number);
        const leading = sources[number] ?? [];
        budget.spend(1 + leading.length);
        for (const source of leading) {
          const state = states[source];
          if (state !== undefined && isOpenAt(state, looks[source], place)) open.push(source);
        }
      }
      holding[place] = seen[first] === place ? 1 : 0;
      after = here;
    }
    return holding;
  };

  /** Where the tree matches what came, from any place before. */
  const upToHere = (tree: PatternTree): Holding => {
    const { states, first } = machineOf(tree);
    const looks = looksOf(states);
    const holding = new Uint8Array(points.length + 1);
    const seen = new Int32Array(states.length).fill(-1);
    let before: readonly number[] = [];
    for (let place = 0; place <= points.length; place += 1) {
      budget.spend(1);
      const open = [first, ...before];
      const waiting: number[] = [];
      const point = points[place];
      for (let number = open.pop(); number !== undefined; number = open.pop()) {
        const state = states[number];
        if (state === undefined || seen[number] === place) continue;
        seen[number] = place;
        budget.spend(1);
        if (state.kind === 'accept') holding[place] = 1;
        else if (state.kind === 'set') {
          if (point !== undefined && containsPoint(state.set, point)) waiting.push(state.to);
        } else if (isOpenAt(state, looks[number], place)) open.push(...state.to);
      }
      before = waiting;
    }
    return holding;
  };

  return { fromHere };
}
