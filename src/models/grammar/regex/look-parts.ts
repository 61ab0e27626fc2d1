import { ANY_CHARACTER, type CodePointSet } from '../gbnf/code-points.ts';
import { machineOf, type PatternMachine } from './pattern-machine.ts';
import type { PatternTree } from './pattern-tree.ts';
import { OutOfSteps } from './step-budget.ts';

/** Any text at all. */
export const ANY_TEXT: PatternTree = {
  kind: 'repeat',
  part: { kind: 'set', set: ANY_CHARACTER },
  min: 0,
  max: undefined,
};

/** What is followed by itself: the whole pattern, or what one look asks for. */
export interface LookPart {
  readonly number: number;
  readonly machine: PatternMachine;
  /** True for a lookahead, which is satisfied once its part has matched, whatever comes then. */
  readonly isAhead: boolean;
  /** The lookbehinds that may be asked for from each state of the machine on, a bit for each. */
  readonly asked: readonly number[];
  /** All of these. */
  readonly askedInAll: number;
}

/** A pattern and the parts of its looks, each once, the inner ones first. */
export interface LookParts {
  readonly whole: LookPart;
  /** Every part but the whole. */
  readonly looks: readonly LookPart[];
  /** The parts of lookbehinds, in the order of their bits: each asks only for ones before it. */
  readonly behind: readonly LookPart[];
  partOf(tree: PatternTree, isAhead: boolean): LookPart | undefined;
  readonly sets: readonly CodePointSet[];
}

/** Most different lookbehinds of a pattern: the bits of a number. */
const MOST_BEHIND = 30;

/** The parts that a pattern is followed by. @throws OutOfSteps beyond {@link MOST_BEHIND} */
export function lookPartsOf(tree: PatternTree): LookParts {
  const ahead = new Map<PatternTree, LookPart>();
  const behind = new Map<PatternTree, LookPart>();
  const bits = new Map<LookPart, number>();
  const sets: CodePointSet[] = [];
  let count = 0;

  const read = (part: PatternTree, isAhead: boolean): LookPart => {
    const machine = machineOf(part);
    const own = machine.states.map((state) => {
      if (state.kind === 'set') sets.push(state.set);
      if (state.kind !== 'look') return 0;
      const inner = partOf(state.look.part, state.look.isAhead);
      return inner.askedInAll | (bits.get(inner) ?? 0);
    });
    const asked = spreadBackwards(machine, own);
    const askedInAll = own.reduce((all, bit) => all | bit, 0);
    return { number: count++, machine, isAhead, asked, askedInAll };
  };

  const partOf = (look: PatternTree, isAhead: boolean): LookPart => {
    const known = (isAhead ? ahead : behind).get(look);
    if (known !== undefined) return known;
    const part = read(isAhead ? look : { kind: 'sequence', parts: [ANY_TEXT, look] }, isAhead);
    if (!isAhead) {
      if (behind.size === MOST_BEHIND) throw new OutOfSteps();
      bits.set(part, 1 << behind.size);
    }
    (isAhead ? ahead : behind).set(look, part);
    return part;
  };

  const whole = read(tree, false);
  return {
    whole,
    looks: [...ahead.values(), ...behind.values()],
    behind: [...behind.values()],
    partOf: (look, isAhead) => (isAhead ? ahead : behind).get(look),
    sets,
  };
}

/** What each state has itself, and what the states have that it leads to. */
function spreadBackwards({ states }: PatternMachine, own: readonly number[]): readonly number[] {
  const all = [...own];
  // A machine is built from its end: all but its loops lead to lower numbers, so that few passes are enough.
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    states.forEach((state, number) => {
      const targets = state.kind === 'accept' ? [] : state.kind === 'set' ? [state.to] : state.to;
      const bits = targets.reduce((sum, to) => sum | (all[to] ?? 0), all[number] ?? 0);
      if (bits !== all[number]) hasChanged = true;
      all[number] = bits;
    });
  }
  return all;
}
