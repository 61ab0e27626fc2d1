import type { CodePointSet } from '../gbnf/code-points.ts';
import { type Look, type PatternTree, type Repetition, simplestRepetition } from './pattern-tree.ts';

/** A state of a machine with moves that take no character. */
export type MachineState =
  | { readonly kind: 'set'; readonly set: CodePointSet; readonly to: number }
  /** Goes on without a character; `start` and `end` only where nothing came before, or nothing comes after. */
  | { readonly kind: 'split' | 'start' | 'end'; readonly to: readonly number[] }
  /** Goes on without a character where the look holds. */
  | { readonly kind: 'look'; readonly look: Look; readonly to: readonly number[] }
  | { readonly kind: 'accept' };

/**
 * The copies of the optional repetitions of one part: `count` of them, `size` states each, from state `from` on. What a
 * state of one copy matches, the same state of a later copy matches too, as it may go round more often.
 */
export interface OptionalCopies {
  readonly from: number;
  readonly size: number;
  readonly count: number;
}

export interface PatternMachine {
  readonly states: readonly MachineState[];
  readonly first: number;
  readonly copies: readonly OptionalCopies[];
}

/** What can be reached without a character. */
export interface Closure {
  /** Numbers of `set` states, in ascending order, without those whose texts another one of them matches as well. */
  readonly sets: readonly number[];
  /** True when the text may end here. */
  readonly isEnd: boolean;
  /** How many states were looked at. */
  readonly steps: number;
}

/** The machine of a pattern, built from its end: at most a few states for each character that the tree speaks of. */
export function machineOf(tree: PatternTree): PatternMachine {
  const states: MachineState[] = [{ kind: 'accept' }];
  const copies: OptionalCopies[] = [];
  const add = (state: MachineState): number => states.push(state) - 1;

  const build = (node: PatternTree, next: number): number => {
    switch (node.kind) {
      case 'set':
        return add({ kind: 'set', set: node.set, to: next });
      case 'start':
      case 'end':
        return add({ kind: node.kind, to: [next] });
      case 'look':
        return add({ kind: 'look', look: node, to: [next] });
      case 'sequence':
        return node.parts.reduceRight((after, part) => build(part, after), next);
      case 'alternatives':
        return add({ kind: 'split', to: node.options.map((option) => build(option, next)) });
      case 'repeat':
        return buildRepeat(simplestRepetition(node), next);
    }
  };

  const buildRepeat = ({ part, min, max }: Repetition, next: number): number => {
    let entry = next;
    if (max === undefined) {
      const to = [next];
      entry = add({ kind: 'split', to });
      to.push(build(part, entry));
    } else {
      const from = states.length;
      const count = max - min;
      // Each optional repetition can leave for the end at once, so that no chain of them is walked.
      for (let i = 0; i < count; i += 1) entry = add({ kind: 'split', to: [build(part, entry), next] });
      if (count > 1) copies.push({ from, size: (states.length - from) / count, count });
    }
    for (let i = 0; i < min; i += 1) entry = build(part, entry);
    return entry;
  };

  const first = build(tree, 0);
  return { states, first, copies };
}

/** A function that finds what can be reached from some states, at the beginning of a text or after it. */
export function closureFinder(machine: PatternMachine): (from: readonly number[], isAtStart: boolean) => Closure {
  const { states } = machine;
  const withoutCovered = coverFinder(machine);
  const seen = new Int32Array(states.length);
  let visit = 0;

  return (from, isAtStart) => {
    let steps = 0;
    let isEnd = false;
    const sets: number[] = [];
    const atEnd: number[] = [];
    const walk = (seeds: readonly number[], mayEnd: boolean) => {
      visit += 1;
      const open = [...seeds];
      for (let number = open.pop(); number !== undefined; number = open.pop()) {
        if (seen[number] === visit) continue;
        seen[number] = visit;
        steps += 1;
        const state = states[number];
        if (state?.kind === 'accept') isEnd = true;
        else if (state?.kind === 'set') {
          if (!mayEnd) sets.push(number);
        } else if (state?.kind === 'end') (mayEnd ? open : atEnd).push(...state.to);
        else if (state !== undefined && (state.kind === 'split' || isAtStart)) open.push(...state.to);
      }
    };
    walk(from, false);
    if (!isEnd && atEnd.length > 0) walk(atEnd, true);
    return { sets: withoutCovered(sets.sort((a, b) => a - b)), isEnd, steps };
  };
}

/** A function that drops, from states in ascending order, each one that the same state of a later copy covers. */
export function coverFinder({ states, copies }: PatternMachine): (sets: number[]) => number[] {
  const copiesOf = states.map((): OptionalCopies[] => []);
  for (const group of copies) {
    for (let i = group.from; i < group.from + group.size * group.count; i += 1) copiesOf[i]?.push(group);
  }
  if (copies.length === 0) return (sets) => sets;
  return (sets) => {
    const covered = new Map<OptionalCopies, Set<number>>();
    const kept: number[] = [];
    for (let i = sets.length - 1; i >= 0; i -= 1) {
      const state = sets[i] ?? 0;
      let isCovered = false;
      for (const group of copiesOf[state] ?? []) {
        const offset = (state - group.from) % group.size;
        let offsets = covered.get(group);
        if (offsets === undefined) {
          offsets = new Set();
          covered.set(group, offsets);
        }
        if (offsets.has(offset)) isCovered = true;
        offsets.add(offset);
      }
      if (!isCovered) kept.push(state);
    }
    return kept.reverse();
  };
}
