import { containsPoint } from '../gbnf/code-points.ts';
import { ANY_TEXT } from './look-parts.ts';
import { type MachineState, machineOf } from './pattern-machine.ts';
import type { PatternTree } from './pattern-tree.ts';

/** For each place of a text, from its beginning to its end, whether something holds there: 1 or 0. */
type Holding = Uint8Array;

/**
 * Whether a tree matches a text as a whole, by another way than its automaton: from the innermost look outwards, each is
 * decided for every place of the text, forwards or backwards. Takes time in proportion to the text, however the parts of
 * the pattern combine.
 */
export function matchesWhole(tree: PatternTree, text: string): boolean {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  return createPlaceJudge(points).fromHere(tree, false)[0] === 1;
}

/** Whether a tree matches somewhere in a text; otherwise like {@link matchesWhole}. */
export function matchesSomewhere(tree: PatternTree, text: string): boolean {
  return matchesWhole({ kind: 'sequence', parts: [ANY_TEXT, tree, ANY_TEXT] }, text);
}

/** Judges trees at every place of one text. */
function createPlaceJudge(points: readonly number[]) {
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
    states.forEach((state, number) => {
      if (state.kind !== 'accept' && state.kind !== 'set') for (const to of state.to) sources[to]?.push(number);
    });
    const holding = new Uint8Array(points.length + 1);
    let after = new Uint8Array(states.length);
    for (let place = points.length; place >= 0; place -= 1) {
      const point = points[place];
      const here = new Uint8Array(states.length);
      const open = states.flatMap((state, number) => {
        if (state.kind === 'accept') return isPrefix || place === points.length ? [number] : [];
        const leads = state.kind === 'set' && point !== undefined && after[state.to] === 1;
        return leads && containsPoint(state.set, point) ? [number] : [];
      });
      for (let number = open.pop(); number !== undefined; number = open.pop()) {
        if (here[number] === 1) continue;
        here[number] = 1;
        for (const source of sources[number] ?? []) {
          const state = states[source];
          if (state !== undefined && isOpenAt(state, looks[source], place)) open.push(source);
        }
      }
      holding[place] = here[first] ?? 0;
      after = here;
    }
    return holding;
  };

  /** Where the tree matches what came, from any place before. */
  const upToHere = (tree: PatternTree): Holding => {
    const { states, first } = machineOf(tree);
    const looks = looksOf(states);
    const holding = new Uint8Array(points.length + 1);
    let before: readonly number[] = [];
    for (let place = 0; place <= points.length; place += 1) {
      const seen = new Uint8Array(states.length);
      const open = [first, ...before];
      const waiting: number[] = [];
      const point = points[place];
      for (let number = open.pop(); number !== undefined; number = open.pop()) {
        const state = states[number];
        if (state === undefined || seen[number] === 1) continue;
        seen[number] = 1;
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
