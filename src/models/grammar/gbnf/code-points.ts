/** Code points from the first to the second, both included. */
export type CodePointRange = readonly [first: number, last: number];

/** Sorted ranges that neither overlap nor touch: two equal sets are two equal lists. */
export type CodePointSet = readonly CodePointRange[];

const LAST_CODE_POINT = 0x10ffff;

/** Every character a text can hold here: no zero character, as PostgreSQL cannot hold it, and no half of a surrogate pair. */
export const ANY_CHARACTER: CodePointSet = [
  [1, 0xd7ff],
  [0xe000, LAST_CODE_POINT],
];

/** The set of ranges in any order, overlapping or not; reduced to {@link ANY_CHARACTER}. */
export function codePointSet(ranges: readonly CodePointRange[]): CodePointSet {
  return intersectSets(joinRanges(ranges), ANY_CHARACTER);
}

/** The set of the characters of a text. */
export function codePointsOf(text: string): CodePointSet {
  return codePointSet(Array.from(text, codePointOf).map((point) => [point, point] as const));
}

/** What is in one set or the other. */
export function uniteSets(...sets: readonly CodePointSet[]): CodePointSet {
  return joinRanges(sets.flat());
}

/** What is in both sets. */
export function intersectSets(one: CodePointSet, other: CodePointSet): CodePointSet {
  const common: CodePointRange[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = one[i];
    const b = other[j];
    if (a === undefined || b === undefined) return common;
    const first = Math.max(a[0], b[0]);
    const last = Math.min(a[1], b[1]);
    if (first <= last) common.push([first, last]);
    if (a[1] < b[1]) i += 1;
    else j += 1;
  }
}

/** Every character that is not in the set. */
export function complementSet(set: CodePointSet): CodePointSet {
  const gaps: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST_CODE_POINT) gaps.push([next, LAST_CODE_POINT]);
  return intersectSets(gaps, ANY_CHARACTER);
}

/** What is in the first set and not in the second. */
export function subtractSet(set: CodePointSet, removed: CodePointSet): CodePointSet {
  return intersectSets(set, complementSet(removed));
}

/** True when the character of this code point is in the set. */
export function containsPoint(set: CodePointSet, point: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = set[middle] ?? [0, -1];
    if (point < first) high = middle - 1;
    else if (point > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** How many characters are in the set. */
export function countOf(set: CodePointSet): number {
  return set.reduce((count, [first, last]) => count + last - first + 1, 0);
}

/** The code point of a text of one character. */
export function codePointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function joinRanges(ranges: readonly CodePointRange[]): CodePointSet {
  const joined: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}
