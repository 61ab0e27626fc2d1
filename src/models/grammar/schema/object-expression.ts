import {
  alternatives,
  EMPTY,
  type Expression,
  isNever,
  literal,
  NEVER,
  optional,
  repeat,
  sequence,
} from '../gbnf/expression.ts';
import { COLON, COMMA } from '../gbnf/json-characters.ts';
import type { RuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import { inPropertyOrder } from './property-order.ts';
import type { Conjunction, ObjectKeywords } from './read/schema-site.ts';
import { jsonString } from './text/json-text.ts';

/** Most rules spent on counting members; beyond it `minProperties` and `maxProperties` are left to the check. */
const MOST_COUNTED = 2_000;

/** Most properties of one object; the engine follows far fewer. */
const MOST_NAMES = 10_000;

/** What an object needs from around it. */
export interface ObjectSurroundings {
  readonly rules: RuleSet;
  /** The values of schemas that all hold. */
  expressionOf(conjunction: Conjunction): Expression;
  /** Names that none of these is, and that all of the schemas allow. */
  otherNames(named: readonly string[], propertyNames: Conjunction): Expression;
  /** Names that the pattern finds itself in. */
  namesLike(pattern: string): Expression;
  /** Whether the pattern finds itself in a name. */
  isLike(pattern: string, name: string): boolean;
}

interface Property {
  readonly member: Expression;
  readonly isRequired: boolean;
}

/**
 * The JSON objects that all keywords agree to: named properties in the order of
 * {@link inPropertyOrder}, then others. That no two
 * others have one name is left to the check, and so is which schemas a name holds to that several patterns fit.
 */
export function objectExpression(keywords: readonly ObjectKeywords[], around: ObjectSurroundings): Expression {
  const { rules, expressionOf } = around;
  const required = new Set(keywords.flatMap((each) => each.required));
  const names = inPropertyOrder([...required, ...keywords.flatMap(({ properties }) => [...properties.keys()])], {
    required: [...required],
    ordering: keywords.flatMap(({ ordering }) => ordering),
  });
  if (names.length > MOST_NAMES)
    throw new GrammarTooLarge(`The schema names more than ${MOST_NAMES} properties of an object`);
  const properties = names.map((name) => {
    const value = expressionOf(keywords.flatMap((each) => schemasFor(name, each, around)));
    return { member: sequence(jsonString(name), COLON, value), isRequired: required.has(name) };
  });
  const other = rules.add('member', otherMember(keywords, names, around));
  const bounds = boundsOf(keywords, properties);
  return bounds === undefined
    ? NEVER
    : sequence(literal('{'), membersExpression(properties, other, bounds, rules), literal('}'));
}

function schemasFor(name: string, keywords: ObjectKeywords, around: ObjectSurroundings): Conjunction {
  const named = keywords.properties.get(name);
  const like = [...keywords.patternProperties].flatMap(([pattern, site]) =>
    around.isLike(pattern, name) ? [site] : [],
  );
  const found = named === undefined ? like : [named, ...like];
  return found.length > 0 || keywords.additionalProperties === undefined ? found : [keywords.additionalProperties];
}

function otherMember(
  keywords: readonly ObjectKeywords[],
  names: readonly string[],
  { expressionOf, namesLike, otherNames }: ObjectSurroundings,
): Expression {
  const propertyNames = keywords.flatMap((each) => each.propertyNames ?? []);
  const like = keywords.flatMap((each) =>
    [...each.patternProperties].map(([pattern, site]) => sequence(namesLike(pattern), COLON, expressionOf([site]))),
  );
  const value = expressionOf(keywords.flatMap((each) => each.additionalProperties ?? []));
  const other = isNever(value) ? NEVER : sequence(otherNames(names, propertyNames), COLON, value);
  return alternatives([...like, other]);
}

interface Bounds {
  readonly min: number;
  readonly max: number | undefined;
}

/** The bounds that the grammar counts; undefined when no number of members is within them. */
function boundsOf(keywords: readonly ObjectKeywords[], properties: readonly Property[]): Bounds | undefined {
  const requiredCount = properties.filter(({ isRequired }) => isRequired).length;
  const min = Math.max(0, ...keywords.map(({ minProperties }) => minProperties));
  const given = Math.min(...keywords.map(({ maxProperties }) => maxProperties ?? Number.POSITIVE_INFINITY));
  if (given < Math.max(min, requiredCount)) return undefined;
  const canCount = (bound: number) => bound * (properties.length + 1) <= MOST_COUNTED;
  return {
    min: min > requiredCount && (properties.length === 0 || canCount(min)) ? min : 0,
    max: canCount(given) ? given : undefined,
  };
}

/** The members between the braces: for each property and each number of members before it, what may follow. */
function membersExpression(
  properties: readonly Property[],
  other: Expression,
  { min, max }: Bounds,
  rules: RuleSet,
): Expression {
  const most = max ?? Math.max(min, 1);
  let following = Array.from({ length: (properties.length === 0 ? 0 : most) + 1 }, (_, before) =>
    rules.add('others', otherMembers(before, other, min, max)),
  );
  for (const { member, isRequired } of [...properties].reverse()) {
    following = following.map((skipped, before) => {
      if (max !== undefined && before >= max) return isRequired ? NEVER : skipped;
      const first = sequence(before === 0 ? EMPTY : COMMA, member);
      const taken = following[Math.min(before + 1, most)] ?? NEVER;
      if (isRequired) return rules.add('members', sequence(first, taken));
      if (taken === skipped || isSameRule(taken, skipped))
        return rules.add('members', sequence(optional(first), taken));
      return rules.add('members', alternatives([sequence(first, taken), skipped]));
    });
  }
  return following[0] ?? NEVER;
}

function isSameRule(one: Expression, other: Expression): boolean {
  return one.kind === 'rule' && other.kind === 'rule' && one.name === other.name;
}

/** Members of no name that the schema knows, after `before` of those that it does. */
function otherMembers(before: number, other: Expression, min: number, max: number | undefined): Expression {
  const least = Math.max(0, min - before);
  const most = max === undefined ? undefined : max - before;
  if (before > 0) return repeat(sequence(COMMA, other), least, most);
  if (most === 0) return EMPTY;
  const list = sequence(
    other,
    repeat(sequence(COMMA, other), Math.max(0, least - 1), most === undefined ? undefined : most - 1),
  );
  return least === 0 ? optional(list) : list;
}
