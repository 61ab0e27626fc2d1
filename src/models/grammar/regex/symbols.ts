import { type CodePointRange, type CodePointSet, uniteSets } from '../gbnf/code-points.ts';
import type { StepBudget } from './step-budget.ts';

/** Characters that no set of a pattern tells apart, as few classes as there are differences. */
export interface Symbols {
  /** A number that equal sets share. */
  numberOf(set: CodePointSet): number;
  /** The classes that make up the set of that number. */
  symbolsOf(setNumber: number): readonly number[];
  /** The set that these classes make up; the same object for the same classes. */
  setOf(symbols: readonly number[]): CodePointSet;
}

/** A range is sorted, written into a key and joined to others. */
const STEPS_OF_RANGE = 8;

/** The classes for these sets. @throws OutOfSteps beyond the budget. */
export function symbolsOfSets(sets: readonly CodePointSet[], budget: StepBudget): Symbols {
  const objects = [...new Set(sets)];
  const distinct = [...new Map(objects.map((set) => [keyOf(set), set])).values()];
  const opening = new Map<number, number[]>();
  const closing = new Map<number, number[]>();
  const put = (borders: Map<number, number[]>, border: number, index: number) => {
    const list = borders.get(border);
    if (list === undefined) borders.set(border, [index]);
    else list.push(index);
  };
  distinct.forEach((set, index) => {
    budget.spend(STEPS_OF_RANGE * set.length);
    for (const [first, last] of set) {
      put(opening, first, index);
      put(closing, last + 1, index);
    }
  });

  const symbolOfOwners = new Map<string, number>();
  const ranges: CodePointRange[][] = [];
  const symbols = distinct.map(() => new Set<number>());
  const owners = new Set<number>();
  const borders = [...new Set([...opening.keys(), ...closing.keys()])].sort((a, b) => a - b);
  borders.forEach((border, index) => {
    for (const set of closing.get(border) ?? []) owners.delete(set);
    for (const set of opening.get(border) ?? []) owners.add(set);
    const next = borders[index + 1];
    if (owners.size === 0 || next === undefined) return;
    budget.spend(STEPS_OF_RANGE + owners.size);
    const key = [...owners].sort((a, b) => a - b).join();
    const symbol = symbolOfOwners.get(key) ?? ranges.push([]) - 1;
    symbolOfOwners.set(key, symbol);
    ranges[symbol]?.push([border, next - 1]);
    for (const set of owners) symbols[set]?.add(symbol);
  });

  const numberOfKey = new Map(distinct.map((set, index) => [keyOf(set), index]));
  const numbers = new Map(objects.map((set) => [set, numberOfKey.get(keyOf(set)) ?? 0]));
  const lists = symbols.map((list) => [...list]);
  const united = new Map<string, CodePointSet>();
  return {
    numberOf: (set) => numbers.get(set) ?? 0,
    symbolsOf: (setNumber) => lists[setNumber] ?? [],
    setOf(numbers) {
      const key = numbers.join();
      let set = united.get(key);
      if (set === undefined) {
        const parts = numbers.map((number) => ranges[number] ?? []);
        for (const part of parts) budget.spend(STEPS_OF_RANGE * part.length);
        set = uniteSets(...parts);
        united.set(key, set);
      }
      return set;
    },
  };
}

/** The text of each set seen; sets of Unicode properties are long, and few. */
const keys = new WeakMap<CodePointSet, string>();

function keyOf(set: CodePointSet): string {
  let key = keys.get(set);
  if (key === undefined) {
    key = set.join(' ');
    keys.set(set, key);
  }
  return key;
}
