import type { Automaton } from './automaton.ts';

/** How many characters the texts of an automaton have; `most` is infinite where they have no bound. */
export interface TextLengths {
  readonly least: number;
  readonly most: number;
}

/** The lengths of the shortest and the longest text of an automaton that has texts. */
export function textLengthsOf(automaton: Automaton): TextLengths {
  return { least: shortest(automaton), most: longest(automaton) };
}

function shortest(automaton: Automaton): number {
  const seen = new Set([0]);
  let states = [0];
  for (let length = 0; states.length > 0; length += 1) {
    const next: number[] = [];
    for (const state of states) {
      if (automaton[state]?.isEnd === true) return length;
      for (const { to } of automaton[state]?.edges ?? []) {
        if (!seen.has(to)) next.push(to);
        seen.add(to);
      }
    }
    states = next;
  }
  return Number.POSITIVE_INFINITY;
}

/** Each state after all that lead to it; those of a loop never come. */
function longest(automaton: Automaton): number {
  const waiting = automaton.map(() => 0);
  for (const { edges } of automaton) for (const { to } of edges) waiting[to] = (waiting[to] ?? 0) + 1;
  if (waiting[0] !== 0) return Number.POSITIVE_INFINITY;
  const lengths = automaton.map(() => 0);
  const order = [0];
  for (const state of order) {
    for (const { to } of automaton[state]?.edges ?? []) {
      lengths[to] = Math.max(lengths[to] ?? 0, (lengths[state] ?? 0) + 1);
      waiting[to] = (waiting[to] ?? 0) - 1;
      if (waiting[to] === 0) order.push(to);
    }
  }
  return order.length < automaton.length ? Number.POSITIVE_INFINITY : Math.max(...lengths);
}
