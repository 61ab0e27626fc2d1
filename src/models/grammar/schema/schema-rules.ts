import { canonicalJson, type JsonValue } from '../../json-value.ts';
import { alternatives, type Expression, isNever, literal, NEVER } from '../gbnf/expression.ts';
import type { Rules } from '../gbnf/rule-facts.ts';
import { createRuleSet, type RuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../output-grammar.ts';
import type { DocumentPatterns } from '../regex/document-patterns.ts';
import { arrayExpression } from './array-expression.ts';
import { numberExpression } from './number/number-expression.ts';
import { objectExpression } from './object-expression.ts';
import type { Conjunction, JsonType, SchemaSite, StringKeywords } from './read/schema-site.ts';
import { refuseAmbiguity } from './refuse-ambiguity.ts';
import { createShapeFinder, type Shape } from './shape.ts';
import { anyNameBut } from './text/excluded-names.ts';
import { anyCharacterBut } from './text/json-text.ts';
import { literalTrie } from './text/literal-trie.ts';
import { createStringExpressions } from './text/string-expression.ts';
import { type Conflict, unionExpression } from './union-expression.ts';
import { textsOfValues, type ValueCheck } from './values.ts';

/** Most different combinations of schemas that a value somewhere may have to fit. */
const MOST_COMBINATIONS = 1_000;
/** Most names of properties that are held against patterns, in some 100 ms. */
const MOST_COMPARISONS = 50_000;
/** Most rules while they are made; no grammar within the engine's budget has more. */
const MOST_RULES = 20_000;
/** Most values that are written where they are used, instead of in a rule of their own. */
const MOST_INLINE_VALUES = 20;

/** The rules of a grammar, and where its schema contradicts itself. */
interface SchemaRules {
  readonly rules: Rules;
  /** The pointer of the first schema that nothing fits, by itself. */
  readonly impossible: string | undefined;
}

/**
 * The rules of a grammar for the JSON texts of what a schema allows; `root` may come out as matching nothing.
 *
 * A rule stands for schemas that all hold for one value, so recursion in the schema is recursion in the grammar.
 *
 * @throws Refused, GrammarTooLarge
 */
export function schemaRules(root: SchemaSite, patterns: DocumentPatterns, isValid: ValueCheck): SchemaRules {
  const rules = createRuleSet();
  const shapesOf = createShapeFinder();
  const identityOf = createIdentities();
  const ruleOf = new Map<string, Expression>();
  const open: { readonly name: string; readonly shapes: readonly Shape[]; readonly pointer: string }[] = [];
  let impossible: string | undefined;
  let excluded: string | undefined;
  const typesOf = new Map<string, ReadonlySet<string>>();
  const conflicts: (Conflict & { readonly rule: string })[] = [];
  const character = rules.add('character', anyCharacterBut([]));
  const stringExpression = createStringExpressions(rules, character, patterns);

  /** Names of the rules that arrays and objects consist of, which a union may take apart. */
  const structure = new Set<string>();
  const structureRules: RuleSet = {
    ...rules,
    add(hint, expression) {
      const added = rules.add(hint, expression);
      if (added.kind === 'rule' && added !== expression) structure.add(added.name);
      return added;
    },
  };

  const expressionOf = (conjunction: Conjunction): Expression => {
    const nothing = conjunction.find(({ checked }) => checked === false);
    if (nothing !== undefined) {
      excluded ??= nothing.pointer;
      return NEVER;
    }
    const identities = new Set(conjunction.filter(saysSomething).map(identityOf));
    const key = [...identities].sort((a, b) => a - b).join();
    const known = ruleOf.get(key);
    if (known !== undefined) return known;
    if (ruleOf.size >= MOST_COMBINATIONS || rules.rules.size > MOST_RULES) {
      throw new GrammarTooLarge(`The schema combines to more than ${MOST_COMBINATIONS} different parts`);
    }
    const shapes = shapesOf(conjunction);
    const values = textsOfValues(shapes, isValid);
    const pointer = conjunction[0]?.pointer ?? '';
    if (values?.length === 0) impossible ??= pointer;
    if (values !== undefined && values.length <= MOST_INLINE_VALUES) return remember(key, literalTrie(values));
    const { name } = rules.reserve(hintOf(conjunction));
    open.push({ name, shapes, pointer });
    typesOf.set(name, new Set(shapes.flatMap(({ types }) => [...types].map(leadingType))));
    return remember(key, { kind: 'rule', name });
  };

  const remember = (key: string, expression: Expression): Expression => {
    ruleOf.set(key, expression);
    return expression;
  };

  let comparisons = 0;

  const around = {
    rules: structureRules,
    expressionOf,
    otherNames: (named: readonly string[], propertyNames: Conjunction) =>
      propertyNames.length === 0 ? anyNameBut(named, rules, character) : namesIn(propertyNames),
    namesLike: (pattern: string) => stringExpression([textLike(pattern)]),
    isLike(pattern: string, name: string) {
      comparisons += 1;
      if (comparisons > MOST_COMPARISONS) {
        throw new GrammarTooLarge(
          'The schema has too many property names beside "patternProperties": use fewer names or fewer patterns',
        );
      }
      return patterns.testerOf(pattern).test(name);
    },
  };

  const namesIn = (conjunction: Conjunction): Expression =>
    alternatives(
      shapesOf(conjunction)
        .filter(({ types }) => types.has('string'))
        .map((shape) => expressionOfShape({ ...shape, types: new Set<JsonType>(['string']) })),
    );

  const expressionOfShape = (shape: Shape): Expression => {
    const values = textsOfValues([shape], isValid);
    if (values !== undefined) return literalTrie(values, (part) => rules.add('value', part));
    return alternatives([...shape.types].map((type) => rules.add(type, typeExpression(type, shape.sites))));
  };

  const typeExpression = (type: JsonType, sites: readonly SchemaSite[]): Expression => {
    switch (type) {
      case 'null':
        return literal('null');
      case 'boolean':
        return alternatives([literal('true'), literal('false')]);
      case 'integer':
      case 'number':
        return numberExpression(keywordsOf(sites, 'number'), type === 'integer', (part) => rules.add('digits', part));
      case 'string':
        return stringExpression(keywordsOf(sites, 'string'));
      case 'array':
        return arrayExpression(keywordsOf(sites, 'array'), structureRules, expressionOf);
      case 'object':
        return objectExpression(keywordsOf(sites, 'object'), around);
    }
  };

  const mayOverlap = (one: Expression, other: Expression): boolean => {
    const some = one.kind === 'rule' ? typesOf.get(one.name) : undefined;
    const others = other.kind === 'rule' ? typesOf.get(other.name) : undefined;
    return some === undefined || others === undefined || [...some].some((type) => others.has(type));
  };

  /** One option, or what several shapes allow of arrays or of objects, taken together. */
  const combined = (type: JsonType, shapes: readonly Shape[], rule: string): Expression => {
    const options = shapes
      .filter(({ types, values }) => values === undefined && types.has(type))
      .map(({ sites }) => structureRules.add(type, typeExpression(type, sites)));
    if (options.length < 2) return alternatives(options);
    const inside = (name: string) => (structure.has(name) ? rules.rules.get(name) : undefined);
    const union = unionExpression(options, { rules, inside, mayOverlap });
    for (const conflict of union.conflicts) conflicts.push({ ...conflict, rule: conflict.rule ?? rule });
    return union.expression;
  };

  rules.define('root', expressionOf([root]));
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { name, shapes, pointer } = next;
    const others = shapes.map((shape) =>
      expressionOfShape(shape.values === undefined ? { ...shape, types: withoutStructures(shape.types) } : shape),
    );
    const all = alternatives([...others, combined('array', shapes, name), combined('object', shapes, name)]);
    if (isNever(all)) impossible ??= pointer;
    rules.define(name, all);
  }
  refuseAmbiguity(rules.rules, conflicts);
  return { rules: rules.rules, impossible: impossible ?? excluded };
}

function keywordsOf<Type extends 'number' | 'string' | 'array' | 'object'>(
  sites: readonly SchemaSite[],
  type: Type,
): readonly NonNullable<SchemaSite[Type]>[] {
  return sites.flatMap((site) => site[type] ?? []);
}

/** Integers and other numbers begin alike. */
function leadingType(type: JsonType): string {
  return type === 'integer' ? 'number' : type;
}

function withoutStructures(types: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  return new Set([...types].filter((type) => type !== 'array' && type !== 'object'));
}

function hintOf(conjunction: Conjunction): string {
  const [site] = conjunction;
  return site === undefined ? 'any' : (site.pointer.split('/').findLast((step) => /[a-z]/i.test(step)) ?? 'schema');
}

function textLike(pattern: string): StringKeywords {
  return { pointer: '', minLength: 0, maxLength: undefined, pattern, format: undefined };
}

/**
 * A number for each site, one for all that say the same wherever they stand: the grammar has one rule for them. A
 * schema that is only a reference is what it refers to.
 */
function createIdentities(): (site: SchemaSite) => number {
  const bySite = new Map<number, number>();
  const byText = new Map<string, number>();
  const identityOfText = (text: string): number => {
    const identity = byText.get(text) ?? byText.size;
    byText.set(text, identity);
    return identity;
  };
  return (site) => {
    const known = bySite.get(site.id);
    if (known !== undefined) return known;
    const { id, checked } = target(site);
    const identity = bySite.get(id) ?? identityOfText(canonicalJson(checked as JsonValue)); // a checked schema is JSON
    bySite.set(id, identity);
    bySite.set(site.id, identity);
    return identity;
  };
}

/** False for a schema that accepts everything. */
function saysSomething({ checked }: SchemaSite): boolean {
  return typeof checked === 'boolean' ? !checked : Object.keys(checked).length > 0;
}

function target(site: SchemaSite): SchemaSite {
  const seen = new Set<SchemaSite>();
  let current = site;
  while (isReference(current) && !seen.has(current)) {
    seen.add(current);
    current = current.all[0] ?? current;
  }
  return current;
}

function isReference({ checked }: SchemaSite): boolean {
  return typeof checked !== 'boolean' && '$ref' in checked && Object.keys(checked).length === 1;
}
