import { type CodePointRange, type CodePointSet, codePointSet, countOf, uniteSets } from '../../gbnf/code-points.ts';
import { unicodeProperty } from './unicode-property.ts';

/** Sets of fewer characters are looked up character by character. */
const FEW = 300;

/** The only characters beyond ASCII that fold to it. */
const LONG_S = 0x17f;
const KELVIN = 0x212a;

let variants: ReadonlyMap<number, readonly number[]> | undefined;

/**
 * A set with every character that differs from one of it in case only, by Unicode's simple case folding: what
 * ECMAScript's flags `iu` match. The table is made once per process, in some 200 ms; ASCII needs none.
 */
export function withCaseVariants(set: CodePointSet): CodePointSet {
  const added: CodePointRange[] = [];
  if ((set.at(-1)?.[1] ?? 0) < 0x80) {
    for (const [first, last] of set) {
      for (let point = first; point <= last; point += 1) {
        const letter = point | 0x20;
        if (letter < 0x61 || letter > 0x7a) continue;
        added.push([point ^ 0x20, point ^ 0x20]);
        if (letter === 0x73) added.push([LONG_S, LONG_S]);
        if (letter === 0x6b) added.push([KELVIN, KELVIN]);
      }
    }
    return uniteSets(set, codePointSet(added));
  }
  variants ??= caseVariants();
  const addVariantsOf = (point: number) => {
    for (const other of variants?.get(point) ?? []) added.push([other, other]);
  };
  if (countOf(set) < FEW) {
    for (const [first, last] of set) for (let point = first; point <= last; point += 1) addVariantsOf(point);
  } else {
    let index = 0;
    for (const point of variants.keys()) {
      while ((set[index]?.[1] ?? Number.POSITIVE_INFINITY) < point) index += 1;
      if ((set[index]?.[0] ?? Number.POSITIVE_INFINITY) <= point) addVariantsOf(point);
    }
  }
  return added.length === 0 ? set : uniteSets(set, codePointSet(added));
}

/** The other characters of the same case folding, of each character that has some; in ascending order. */
function caseVariants(): ReadonlyMap<number, readonly number[]> {
  const cased = uniteSets(
    unicodeProperty('Changes_When_Casemapped') ?? [],
    unicodeProperty('Changes_When_Casefolded') ?? [],
  );
  const points = cased.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  // Mappings bring together what may fold alike, and a little more; V8 has the last word on each.
  const candidates = new Map<string, number[]>();
  const together = (key: string, point: number) => {
    const list = candidates.get(key);
    if (list === undefined) candidates.set(key, [point]);
    else list.push(point);
  };
  for (const point of points) {
    const text = String.fromCodePoint(point);
    together(`upper ${text.toUpperCase().toLowerCase()}`, point);
    together(`lower ${text.toLowerCase().toUpperCase()}`, point);
  }
  const alike = new Map<number, Set<number>>(points.map((point) => [point, new Set()]));
  for (const list of candidates.values()) {
    const text = String.fromCodePoint(...list);
    for (const point of list.length > 1 ? list : []) {
      for (const [same] of text.matchAll(new RegExp(`\\u{${point.toString(16)}}`, 'giu'))) {
        const other = same.codePointAt(0) ?? point;
        if (other !== point) alike.get(point)?.add(other);
      }
    }
  }
  return new Map([...alike].filter(([, others]) => others.size > 0).map(([point, others]) => [point, [...others]]));
}
