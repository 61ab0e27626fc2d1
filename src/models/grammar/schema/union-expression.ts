import { alternatives, EMPTY, type Expression, literal, repeat, ruleRef, sequence } from '../gbnf/expression.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';

/** Most options looked at for one union; beyond it the union is left as it is. */
const MOST_OPTIONS = 5_000;

/** Options of a rule that the engine may have to follow side by side, each with a different rest. */
export interface Conflict {
  /** The rule that they are options of; undefined for the rule that the union stands in. */
  readonly rule: string | undefined;
  readonly options: readonly Expression[];
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
 * `inside` gives the right side of rules that may be taken apart; all others stand as they are.
 */
export function unionExpression(
  options: readonly Expression[],
  rules: RuleSet,
  inside: (name: string) => Expression | undefined,
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
    const chosen = groups.map((group) => sequence(group.head, factor(group.rests)));
    rules.define(name, alternatives(chosen));
    const overlapping = chosen.filter((_, index) => groups[index]?.head.kind !== 'literal');
    if (overlapping.length > 0 && chosen.length > 1) conflicts.push({ rule: name, options: chosen });
    return ruleRef(name);
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
    return { expression: alternatives(options), conflicts: [{ rule: undefined, options }] };
  }
}

class TooManyOptions extends Error {}

interface Group {
  readonly head: Expression;
  readonly rests: readonly Parts[];
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
    if (head.kind !== 'literal') return { head, rests: group.map((parts) => parts.slice(1)) };
    const texts = group.map(([part]) => Array.from(part?.kind === 'literal' ? part.text : ''));
    const [first = []] = texts;
    let length = 0;
    while (length < first.length && texts.every((text) => text[length] === first[length])) length += 1;
    const rests = group.map((parts, index) => [
      literal((texts[index] ?? []).slice(length).join('')),
      ...parts.slice(1),
    ]);
    return { head: literal(first.slice(0, length).join('')), rests };
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
