import { alternatives, EMPTY, type Expression, literal, NEVER, repeat, ruleRef, sequence } from '../gbnf/expression.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';

/** Most options looked at for one union; beyond it the union is left as it is. */
const MOST_OPTIONS = 5_000;
/** Most literals in a row that are compared to tell two options apart. */
const MOST_LITERALS = 10;

/** Two options of a rule that the engine may have to follow side by side. */
export interface Conflict {
  /** The rule that they are options of; undefined for the rule that the union stands in. */
  readonly rule: string | undefined;
  /** What they begin with. */
  readonly heads: readonly [Expression, Expression];
  /** What follows; undefined where its first characters tell which option it was. */
  readonly tails: readonly [Expression, Expression] | undefined;
}

/** What a union needs to know of rules. */
export interface UnionSurroundings {
  readonly rules: RuleSet;
  /** The right side of a rule that may be taken apart; all others stand as they are. */
  inside(name: string): Expression | undefined;
  /** False when no value fits both. */
  mayOverlap(one: Expression, other: Expression): boolean;
}

/** A union of alternatives that begin differently as far as that can be had, and where it could not. */
export interface Union {
  readonly expression: Expression;
  readonly conflicts: readonly Conflict[];
}

type Parts = readonly Expression[];

/**
 * The same texts as the options, with what they have in common written once.
 *
 * The engine follows every option that fits so far, and inside each of them every option of a nested value: without
 * this, `anyOf` of two objects that begin alike takes twice the time and memory for each level of nesting.
 */
export function unionExpression(
  options: readonly Expression[],
  { rules, inside, mayOverlap }: UnionSurroundings,
): Union {
  const known = new Map<string, Expression>();
  const conflicts: Conflict[] = [];
  let seen = 0;

  const factor = (given: readonly Parts[]): Expression => {
    const distinct = [...new Map(given.map((parts) => [textOf(parts), parts])).values()];
    const [only, ...others] = distinct;
    if (only === undefined) return alternatives([]);
    if (others.length === 0) return sequence(...only);
    const common = commonLength(distinct);
    if (common > 0) {
      return sequence(...only.slice(0, common), factor(distinct.map((parts) => parts.slice(common))));
    }
    const key = distinct.map(textOf).sort().join('\n');
    const before = known.get(key);
    if (before !== undefined) return before;
    const { name } = rules.reserve('choice');
    known.set(key, ruleRef(name));
    const groups = groupByHead(distinct.flatMap((parts) => [...expand(parts)]));
    const tails = groups.map(({ rests }) => factor(rests));
    rules.define(name, alternatives(groups.map(({ head }, index) => sequence(head, tails[index] ?? NEVER))));
    for (const [one, other, i, j] of pairsOf(groups)) {
      if (!canStartAlike(one.head, other.head)) continue;
      const areSeparate = areToldApart(one.rests, other.rests, MOST_LITERALS);
      conflicts.push({
        rule: name,
        heads: [one.head, other.head],
        tails: areSeparate ? undefined : [tails[i] ?? NEVER, tails[j] ?? NEVER],
      });
    }
    return ruleRef(name);
  };

  /** Two groups of one union never begin with the same literal character. */
  const canStartAlike = (one: Expression, other: Expression): boolean =>
    !(one.kind === 'literal' && other.kind === 'literal') && mayOverlap(one, other);

  /** True when literals alone decide between the two, before any rule that stands as it is. */
  const areToldApart = (some: readonly Parts[], others: readonly Parts[], depth: number): boolean => {
    if (depth === 0) return false;
    const marked = new Map<Parts, boolean>();
    for (const parts of some.flatMap((each) => [...expand(each)])) marked.set(parts, true);
    for (const parts of others.flatMap((each) => [...expand(each)])) marked.set(parts, false);
    if ([...marked.keys()].some(([head = EMPTY]) => head.kind !== 'literal')) return false;
    return groupByHead([...marked.keys()]).every(({ members, rests }) => {
      const ofSome = rests.filter((_, index) => marked.get(members[index] ?? []) === true);
      const ofOthers = rests.filter((_, index) => marked.get(members[index] ?? []) === false);
      return ofSome.length === 0 || ofOthers.length === 0 || areToldApart(ofSome, ofOthers, depth - 1);
    });
  };

  /** The ways to begin, each with a literal, a class or a rule that stands as it is; the empty list is the empty text. */
  function* expand(parts: Parts): Generator<Parts> {
    seen += 1;
    if (seen > MOST_OPTIONS) throw new TooManyOptions();
    const [first, ...rest] = parts;
    if (first === undefined) return yield [];
    switch (first.kind) {
      case 'literal':
        if (first.text === '') yield* expand(rest);
        else yield parts;
        return;
      case 'class':
        return yield parts;
      case 'sequence':
        return yield* expand([...first.parts, ...rest]);
      case 'alternatives':
        for (const option of first.options) yield* expand([option, ...rest]);
        return;
      case 'repeat': {
        const { part, min, max } = first;
        const further = repeat(part, Math.max(0, min - 1), max === undefined ? undefined : max - 1);
        yield* expand([part, further, ...rest]);
        if (min === 0) yield* expand(rest);
        return;
      }
      case 'rule': {
        const expression = inside(first.name);
        if (expression === undefined) yield parts;
        else yield* expand([expression, ...rest]);
      }
    }
  }

  try {
    return { expression: factor(options.map((option) => [option])), conflicts };
  } catch (error) {
    if (!(error instanceof TooManyOptions)) throw error;
    const pairs = [...pairsOf(options)];
    return {
      expression: alternatives(options),
      conflicts: pairs.map(([one, other]) => ({ rule: undefined, heads: [one, other], tails: undefined })),
    };
  }
}

class TooManyOptions extends Error {}

interface Group {
  readonly head: Expression;
  readonly members: readonly Parts[];
  /** What the members are without the head. */
  readonly rests: readonly Parts[];
}

function* pairsOf<Item>(items: readonly Item[]): Generator<readonly [Item, Item, number, number]> {
  for (const [i, one] of items.entries()) {
    for (const [offset, other] of items.slice(i + 1).entries()) yield [one, other, i, i + 1 + offset];
  }
}

/** Options that begin with one literal, as far as they share it, or with one and the same other part. */
function groupByHead(options: readonly Parts[]): readonly Group[] {
  const byHead = new Map<string, Parts[]>();
  for (const parts of options) {
    const [head = EMPTY] = parts;
    const key = head.kind === 'literal' ? `literal ${Array.from(head.text)[0] ?? ''}` : JSON.stringify(head);
    const group = byHead.get(key);
    if (group === undefined) byHead.set(key, [parts]);
    else group.push(parts);
  }
  return [...byHead.values()].map((group) => {
    const [head = EMPTY] = group[0] ?? [];
    if (head.kind !== 'literal') return { head, members: group, rests: group.map((parts) => parts.slice(1)) };
    const texts = group.map(([part]) => Array.from(part?.kind === 'literal' ? part.text : ''));
    const [first = []] = texts;
    let length = 0;
    while (length < first.length && texts.every((text) => text[length] === first[length])) length += 1;
    const rests = group.map((parts, index) => [
      literal((texts[index] ?? []).slice(length).join('')),
      ...parts.slice(1),
    ]);
    return { head: literal(first.slice(0, length).join('')), members: group, rests };
  });
}

function commonLength(options: readonly Parts[]): number {
  const texts = options.map((parts) => parts.map((part) => JSON.stringify(part)));
  const [first = []] = texts;
  let length = 0;
  while (length < first.length && texts.every((text) => text[length] === first[length])) length += 1;
  return length;
}

function textOf(parts: Parts): string {
  return JSON.stringify(parts);
}
