import type { LookPart, LookParts } from './look-parts.ts';
import { coverFinder } from './pattern-machine.ts';
import type { StepBudget } from './step-budget.ts';
import type { Symbols } from './symbols.ts';

/** What is known of a place in a text: whether it is the beginning, and where each lookbehind stands; -1 where nobody asks. */
export interface Place {
  readonly number: number;
  readonly isAtStart: boolean;
  readonly behind: readonly number[];
}

/** A state to go on from, if the lookaheads of a set hold for the rest of the text. */
interface Thread {
  readonly state: number;
  /** The number of a set of lookaheads in progress. */
  readonly pending: number;
}

/** Where a part stands after some text. */
export interface Standing {
  readonly number: number;
  readonly threads: readonly Thread[];
  /** True where the part matches if the text ends here. */
  readonly isEnd: boolean;
  /** True for a lookahead that holds whatever comes; false where nothing that comes can make it hold; else undefined. */
  readonly outcome: boolean | undefined;
  /** The lookbehinds that may be asked for from here on. */
  readonly asked: number;
}

/** Follows a pattern and all its looks through a text, a class of characters at a time. */
export interface LookFollower {
  start(): { readonly standing: Standing; readonly place: Place };
  /** Where the whole pattern stands after one more character. */
  step(standing: Standing, place: Place, symbol: number): { readonly standing: Standing; readonly place: Place };
  /** The classes of characters that the whole pattern can take. */
  symbolsFrom(standing: Standing): ReadonlySet<number>;
}

/** A lookahead in progress. */
interface Pending {
  readonly part: LookPart;
  readonly standing: Standing;
  readonly isNegated: boolean;
}

const NONE_PENDING = 0;
/** Instead of a set of lookaheads one of which cannot hold any more. */
const CONTRADICTION = -1;

/** A follower of these parts; each step is spent from the budget. @throws OutOfSteps */
export function createLookFollower(parts: LookParts, symbols: Symbols, budget: StepBudget): LookFollower {
  const places = new Map<string, Place>();
  const placeOf = (isAtStart: boolean, behind: readonly number[]): Place => {
    const key = `${isAtStart} ${behind.join()}`;
    const place = places.get(key) ?? { number: places.size, isAtStart, behind };
    places.set(key, place);
    return place;
  };
  const nobodyAsks = parts.behind.map(() => -1);
  const AWAY = placeOf(false, nobodyAsks);

  const pendings: Pending[] = [];
  const pendingNumbers = new Map<string, number>();
  const pendingSets: (readonly number[])[] = [[]];
  const pendingSetNumbers = new Map<string, number>([['', NONE_PENDING]]);

  const withPending = (set: number, part: LookPart, standing: Standing, isNegated: boolean): number => {
    if (standing.outcome !== undefined) return standing.outcome === isNegated ? CONTRADICTION : set;
    const number = numberOfPending({ part, standing, isNegated });
    const opposite = pendingNumbers.get(`${part.number} ${standing.number} ${!isNegated}`) ?? -1;
    const members = pendingSets[set] ?? [];
    if (members.includes(opposite)) return CONTRADICTION;
    if (members.includes(number)) return set;
    const united = [...members, number].sort((a, b) => a - b);
    budget.spend(united.length);
    const key = united.join();
    const known = pendingSetNumbers.get(key) ?? pendingSets.push(united) - 1;
    pendingSetNumbers.set(key, known);
    return known;
  };
  const numberOfPending = (pending: Pending): number => {
    const key = `${pending.part.number} ${pending.standing.number} ${pending.isNegated}`;
    const number = pendingNumbers.get(key) ?? pendings.push(pending) - 1;
    pendingNumbers.set(key, number);
    return number;
  };
  const membersOf = (set: number): readonly Pending[] =>
    (pendingSets[set] ?? []).flatMap((number) => pendings[number] ?? []);
  const holdAtEnd = (set: number) => membersOf(set).every(({ standing, isNegated }) => standing.isEnd !== isNegated);

  const steppedSets = new Map<string, number>();
  const stepPending = (set: number, symbol: number, place: Place): number => {
    if (set === NONE_PENDING) return NONE_PENDING;
    const key = `${set} ${symbol} ${place.number}`;
    const known = steppedSets.get(key);
    if (known !== undefined) return known;
    let stepped = NONE_PENDING;
    for (const { part, standing, isNegated } of membersOf(set)) {
      stepped = withPending(stepped, part, stepPart(part, standing, symbol, place), isNegated);
      if (stepped === CONTRADICTION) break;
    }
    steppedSets.set(key, stepped);
    return stepped;
  };

  const memory = new Map<LookPart, PartMemory>();
  const memoryOf = (part: LookPart): PartMemory => {
    const known = memory.get(part) ?? createMemory(part);
    memory.set(part, known);
    return known;
  };
  const createMemory = ({ machine }: LookPart): PartMemory => ({
    standings: [],
    numbers: new Map(),
    steps: new Map(),
    starts: new Map(),
    withoutCovered: coverFinder(machine),
    symbols: machine.states.map((state) =>
      state.kind === 'set' ? symbolSetOf(symbols.numberOf(state.set)) : undefined,
    ),
  });
  const symbolSets = new Map<number, ReadonlySet<number>>();
  const symbolSetOf = (set: number): ReadonlySet<number> => {
    const known = symbolSets.get(set) ?? new Set(symbols.symbolsOf(set));
    symbolSets.set(set, known);
    return known;
  };

  /** What can be reached without a character. */
  const reach = (part: LookPart, seeds: readonly Thread[], place: Place): Standing => {
    const { states } = part.machine;
    const open = seeds.map(({ state, pending }) => ({ state, pending, mayEnd: false }));
    const seen = new Set<number>();
    const threads: Thread[] = [];
    let isEnd = false;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { state, pending, mayEnd } = next;
      const key = (pending * states.length + state) * 2 + Number(mayEnd);
      if (seen.has(key)) continue;
      seen.add(key);
      budget.spend(1);
      const found = states[state];
      const go = (targets: readonly number[], isLast: boolean, set: number) => {
        for (const to of targets) open.push({ state: to, pending: set, mayEnd: isLast });
      };
      switch (found?.kind) {
        case undefined:
          break;
        case 'accept':
          if (holdAtEnd(pending)) isEnd = true;
          if (part.isAhead && !mayEnd) threads.push({ state, pending });
          break;
        case 'set':
          if (!mayEnd) threads.push({ state, pending });
          break;
        case 'split':
          go(found.to, mayEnd, pending);
          break;
        case 'start':
          if (place.isAtStart) go(found.to, mayEnd, pending);
          break;
        case 'end':
          go(found.to, true, pending);
          break;
        case 'look': {
          const inner = parts.partOf(found.look.part, found.look.isAhead);
          if (inner === undefined) break;
          if (found.look.isAhead) {
            const set = withPending(pending, inner, startPart(inner, place), found.look.isNegated);
            if (set !== CONTRADICTION) go(found.to, mayEnd, set);
          } else if (isBehind(inner, place) !== found.look.isNegated) go(found.to, mayEnd, pending);
        }
      }
    }
    return standingOf(part, threads, isEnd);
  };

  const isBehind = (part: LookPart, place: Place): boolean => {
    const standing = place.behind[parts.behind.indexOf(part)] ?? -1;
    return memoryOf(part).standings[standing]?.isEnd === true;
  };

  const standingOf = (part: LookPart, threads: readonly Thread[], isEnd: boolean): Standing => {
    const { standings, numbers } = memoryOf(part);
    const isCertain = part.isAhead && threads.some(({ state, pending }) => state === 0 && pending === NONE_PENDING);
    const kept = isCertain ? [] : leastThreads(part, threads);
    const key = isCertain ? 'certain' : `${isEnd} ${kept.map(({ state, pending }) => `${state}:${pending}`).join()}`;
    const known = numbers.get(key);
    const before = known === undefined ? undefined : standings[known];
    if (before !== undefined) return before;
    const standing: Standing = {
      number: standings.length,
      threads: kept,
      isEnd: isEnd || isCertain,
      outcome: isCertain ? true : kept.length === 0 && !isEnd ? false : undefined,
      asked: kept.reduce(
        (asked, { state, pending }) =>
          asked |
          (part.machine.states[state]?.kind === 'accept' ? 0 : (part.asked[state] ?? 0)) |
          membersOf(pending).reduce((sum, each) => sum | each.standing.asked, 0),
        0,
      ),
    };
    numbers.set(key, standing.number);
    standings.push(standing);
    return standing;
  };

  /** The threads without those whose texts another one has as well. */
  const leastThreads = (part: LookPart, threads: readonly Thread[]): readonly Thread[] => {
    const statesOf = new Map<number, number[]>();
    for (const { state, pending } of threads) {
      const states = statesOf.get(pending);
      if (states === undefined) statesOf.set(pending, [state]);
      else states.push(state);
    }
    const kept: Thread[] = [];
    const setsOf = new Map<number, number[]>();
    // Smaller sets ask for less; a set that asks for no more than another covers it.
    const bySize = [...statesOf].sort(
      ([a], [b]) => (pendingSets[a]?.length ?? 0) - (pendingSets[b]?.length ?? 0) || a - b,
    );
    for (const [pending, states] of bySize) {
      const members = new Set(pendingSets[pending]);
      for (const state of memoryOf(part).withoutCovered(states.sort((a, b) => a - b))) {
        const others = setsOf.get(state) ?? [];
        budget.spend(1 + others.length);
        if (others.some((set) => (pendingSets[set] ?? []).every((each) => members.has(each)))) continue;
        setsOf.set(state, [...others, pending]);
        kept.push({ state, pending });
      }
    }
    return kept;
  };

  const startPart = (part: LookPart, place: Place): Standing => {
    const { starts } = memoryOf(part);
    const standing =
      starts.get(place.number) ?? reach(part, [{ state: part.machine.first, pending: NONE_PENDING }], place);
    starts.set(place.number, standing);
    return standing;
  };

  const stepPart = (part: LookPart, standing: Standing, symbol: number, given: Place): Standing => {
    const place = part.askedInAll === 0 ? AWAY : given;
    const { steps, symbols: symbolsOfState } = memoryOf(part);
    const key = `${standing.number} ${symbol} ${place.number}`;
    const known = steps.get(key);
    if (known !== undefined) return known;
    const { states } = part.machine;
    const seeds: Thread[] = [];
    budget.spend(1 + standing.threads.length);
    for (const { state, pending } of standing.threads) {
      const found = states[state];
      const to = found?.kind === 'accept' ? state : found?.kind === 'set' ? found.to : undefined;
      if (to === undefined || (found?.kind === 'set' && symbolsOfState[state]?.has(symbol) !== true)) continue;
      const set = stepPending(pending, symbol, place);
      if (set !== CONTRADICTION) seeds.push({ state: to, pending: set });
    }
    const next = standing.outcome === undefined ? reach(part, seeds, place) : standing;
    steps.set(key, next);
    return next;
  };

  /** The place where the lookbehinds stand as `standingAt` says, for those that may be asked for. */
  const placeWhere = (
    isAtStart: boolean,
    asked: number,
    standingAt: (part: LookPart, index: number, place: Place) => Standing,
  ) => {
    const behind = [...nobodyAsks];
    parts.behind.forEach((part, index) => {
      if ((asked & (1 << index)) === 0) return;
      const soFar = part.askedInAll === 0 && !isAtStart ? AWAY : placeOf(isAtStart, [...behind]);
      behind[index] = standingAt(part, index, soFar).number;
    });
    return placeOf(isAtStart, behind);
  };

  /** The standing without what nobody will ask for from there on, so that places differ only where it matters. */
  const asAsked = (standing: Standing, place: Place): Place =>
    placeOf(
      false,
      place.behind.map((number, index) => ((standing.asked & (1 << index)) === 0 ? -1 : number)),
    );

  const { whole } = parts;
  return {
    start() {
      const place = placeWhere(true, whole.askedInAll, (part, _, soFar) => startPart(part, soFar));
      const standing = startPart(whole, place);
      return { standing, place: asAsked(standing, place) };
    },
    step(standing, from, symbol) {
      const place = placeWhere(false, standing.asked, (part, index, soFar) => {
        const before = memoryOf(part).standings[from.behind[index] ?? -1];
        if (before === undefined) throw new Error('a lookbehind is asked for that was not followed');
        return stepPart(part, before, symbol, soFar);
      });
      const next = stepPart(whole, standing, symbol, place);
      return { standing: next, place: asAsked(next, place) };
    },
    symbolsFrom(standing) {
      const found = new Set<number>();
      for (const { state } of standing.threads) {
        for (const symbol of memoryOf(whole).symbols[state] ?? []) found.add(symbol);
      }
      budget.spend(found.size);
      return found;
    },
  };
}

/** What is remembered of a part: each standing once, and where it led. */
interface PartMemory {
  readonly standings: Standing[];
  readonly numbers: Map<string, number>;
  readonly steps: Map<string, Standing>;
  readonly starts: Map<number, Standing>;
  readonly withoutCovered: (sets: number[]) => number[];
  /** The classes that each state takes. */
  readonly symbols: readonly (ReadonlySet<number> | undefined)[];
}
