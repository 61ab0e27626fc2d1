import { type CodePointSet, containsPoint, intersectSets } from '../gbnf/code-points.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import type { StepBudget } from './step-budget.ts';

/** One step: any character of the set leads to the state of that number. */
export interface AutomatonEdge {
  readonly set: CodePointSet;
  readonly to: number;
}

export interface AutomatonState {
  /** True where a text may end. */
  readonly isEnd: boolean;
  readonly edges: readonly AutomatonEdge[];
}

/**
 * A set of texts: those that lead from state 0 to one where a text may end. From every state such a state can be
 * reached; an automaton without states is the empty set. Two edges of one state may overlap, though most are made so
 * that they do not.
 */
export type Automaton = readonly AutomatonState[];

/** Most states of an automaton that becomes a grammar. */
export const MOST_STATES = 10_000;

/** Most pairs of edges that are weighed to intersect two automata. */
const MOST_EDGE_PAIRS = 2_000_000;

/** True when a text is in the set; in time proportional to text and automaton, whatever the pattern was. */
export function acceptsText(automaton: Automaton, text: string): boolean {
  let current = new Set(automaton.length === 0 ? [] : [0]);
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const next = new Set<number>();
    for (const state of current) {
      for (const { set, to } of automaton[state]?.edges ?? []) if (containsPoint(set, point)) next.add(to);
    }
    if (next.size === 0) return false;
    current = next;
  }
  return [...current].some((state) => automaton[state]?.isEnd === true);
}

/** The texts that are in both sets. @throws GrammarTooLarge beyond so many states, for too many edges, and beyond the budget. */
export function intersectAutomata(
  one: Automaton,
  other: Automaton,
  mostStates: number,
  budget?: StepBudget,
): Automaton {
  const numbers = new Map<string, number>();
  const pairs: (readonly [AutomatonState, AutomatonState])[] = [];
  const numberOf = (i: number, j: number): number | undefined => {
    const [a, b] = [one[i], other[j]];
    if (a === undefined || b === undefined) return undefined;
    const key = `${i} ${j}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (pairs.length >= mostStates) throw tooLarge();
    numbers.set(key, pairs.length);
    return pairs.push([a, b]) - 1;
  };
  const common = setIntersector();
  const states: AutomatonState[] = [];
  let weighed = 0;
  numberOf(0, 0);
  for (let pair = pairs[0]; pair !== undefined; pair = pairs[states.length]) {
    const [a, b] = pair;
    weighed += a.edges.length * b.edges.length;
    budget?.spend(1 + a.edges.length * b.edges.length);
    if (weighed > MOST_EDGE_PAIRS) throw tooLarge();
    const edges: AutomatonEdge[] = [];
    for (const left of a.edges) {
      for (const right of b.edges) {
        const set = common(left.set, right.set);
        const to = set.length === 0 ? undefined : numberOf(left.to, right.to);
        if (to !== undefined) edges.push({ set, to });
      }
    }
    states.push({ isEnd: a.isEnd && b.isEnd, edges });
  }
  return withoutDeadEnds(states);
}

/** Intersects sets, once for the same two objects: automata have many edges and few sets. */
function setIntersector(): (one: CodePointSet, other: CodePointSet) => CodePointSet {
  const known = new Map<CodePointSet, Map<CodePointSet, CodePointSet>>();
  return (one, other) => {
    let ofOne = known.get(one);
    if (ofOne === undefined) {
      ofOne = new Map();
      known.set(one, ofOne);
    }
    let common = ofOne.get(other);
    if (common === undefined) {
      common = intersectSets(one, other);
      ofOne.set(other, common);
    }
    return common;
  };
}

function tooLarge(): GrammarTooLarge {
  return new GrammarTooLarge('The limits of a text, taken together, are too large');
}

/** The same texts, without states that no text passes through; what is left keeps its order. */
export function withoutDeadEnds(automaton: Automaton): Automaton {
  const before = automaton.map((): number[] => []);
  automaton.forEach(({ edges }, from) => {
    for (const { to } of edges) before[to]?.push(from);
  });
  const alive = new Set<number>();
  const open = automaton.flatMap(({ isEnd }, state) => (isEnd ? [state] : []));
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (alive.has(state)) continue;
    alive.add(state);
    open.push(...(before[state] ?? []));
  }
  if (!alive.has(0)) return [];
  const numbers = new Map([...alive].sort((a, b) => a - b).map((state, index) => [state, index]));
  return automaton
    .filter((_, state) => alive.has(state))
    .map(({ isEnd, edges }) => ({
      isEnd,
      edges: edges.flatMap(({ set, to }) => {
        const number = numbers.get(to);
        return number === undefined ? [] : [{ set, to: number }];
      }),
    }));
}
