import type { JsonValue } from '../../json-value.ts';
import { alternatives, type Expression, literal } from '../gbnf/expression.ts';
import type { Rules } from '../gbnf/rule-facts.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import { GrammarTooLarge } from '../refused.ts';
import { patternTester } from '../regex/pattern-tester.ts';
import { arrayExpression } from './array-expression.ts';
import { numberExpression } from './number/number-expression.ts';
import { objectExpression } from './object-expression.ts';
import type { Conjunction, JsonType, SchemaSite, StringKeywords } from './read/schema-site.ts';
import { createShapeFinder, type Shape } from './shape.ts';
import { anyNameBut } from './text/excluded-names.ts';
import { anyCharacterBut, isStorable } from './text/json-text.ts';
import { literalTrie } from './text/literal-trie.ts';
import { stringExpression } from './text/string-expression.ts';

/** Most different combinations of schemas that a value somewhere may have to fit. */
const MOST_COMBINATIONS = 5_000;

/** True when all schemas accept the value. */
export type ValueCheck = (sites: readonly SchemaSite[], value: JsonValue) => boolean;

/**
 * The rules of a grammar for the JSON texts of what a schema allows; `root` may come out as matching nothing.
 *
 * A rule stands for schemas that all hold for one value, so recursion in the schema is recursion in the grammar.
 *
 * @throws Refused, GrammarTooLarge
 */
export function schemaRules(root: SchemaSite, isValid: ValueCheck): Rules {
  const rules = createRuleSet();
  const shapesOf = createShapeFinder();
  const ruleOf = new Map<string, Expression & { readonly kind: 'rule' }>();
  const open: { readonly name: string; readonly conjunction: Conjunction }[] = [];
  const character = rules.add('character', anyCharacterBut([]));

  const expressionOf = (conjunction: Conjunction): Expression => {
    const sites = [...new Map(conjunction.map((site) => [site.id, site])).values()].sort((a, b) => a.id - b.id);
    const key = sites
      .filter(saysSomething)
      .map(({ id }) => id)
      .join();
    const known = ruleOf.get(key);
    if (known !== undefined) return known;
    if (ruleOf.size >= MOST_COMBINATIONS) {
      throw new GrammarTooLarge(`The schema combines to more than ${MOST_COMBINATIONS} different parts`);
    }
    const rule = rules.reserve(hintOf(conjunction));
    ruleOf.set(key, rule);
    open.push({ name: rule.name, conjunction });
    return rule;
  };

  const around = {
    rules,
    expressionOf,
    otherNames: (named: readonly string[], propertyNames: Conjunction) =>
      propertyNames.length === 0 ? anyNameBut(named, rules, character) : alternatives(namesIn(propertyNames)),
    namesLike: (pattern: string) => stringExpression([textLike(pattern)], rules, character),
    isLike: (pattern: string, name: string) => patternTester(pattern).test(name),
  };

  const namesIn = (conjunction: Conjunction): readonly Expression[] =>
    shapesOf(conjunction).flatMap((shape) =>
      shape.types.has('string') ? expressionsOf({ ...shape, types: new Set<JsonType>(['string']) }) : [],
    );

  const expressionsOf = (shape: Shape): readonly Expression[] => {
    if (shape.values !== undefined) return [valuesExpression(shape.values.filter((value) => isAllowed(value, shape)))];
    return [...shape.types].map((type) => rules.add(type, typeExpression(type, shape.sites)));
  };

  const isAllowed = (value: JsonValue, { types, sites }: Shape): boolean =>
    isOfType(value, types) && isStorableValue(value) && (sites.length === 0 || isValid(sites, value));

  const valuesExpression = (values: readonly JsonValue[]): Expression =>
    literalTrie(
      values.map((value) => JSON.stringify(value)),
      (part) => rules.add('value', part),
    );

  const typeExpression = (type: JsonType, sites: readonly SchemaSite[]): Expression => {
    switch (type) {
      case 'null':
        return literal('null');
      case 'boolean':
        return alternatives([literal('true'), literal('false')]);
      case 'integer':
      case 'number':
        return numberExpression(
          sites.flatMap(({ number }) => number ?? []),
          type === 'integer',
        );
      case 'string':
        return stringExpression(
          sites.flatMap(({ string }) => string ?? []),
          rules,
          character,
        );
      case 'array':
        return arrayExpression(
          sites.flatMap(({ array }) => array ?? []),
          rules,
          expressionOf,
        );
      case 'object':
        return objectExpression(
          sites.flatMap(({ object }) => object ?? []),
          around,
        );
    }
  };

  rules.define('root', expressionOf([root]));
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    rules.define(next.name, alternatives(shapesOf(next.conjunction).flatMap(expressionsOf)));
  }
  return rules.rules;
}

function saysSomething({ checked }: SchemaSite): boolean {
  return typeof checked === 'boolean' ? !checked : Object.keys(checked).length > 0;
}

function hintOf(conjunction: Conjunction): string {
  const [site] = conjunction;
  return site === undefined ? 'any' : (site.pointer.split('/').findLast((step) => /[a-z]/i.test(step)) ?? 'schema');
}

function textLike(pattern: string): StringKeywords {
  return { pointer: '', minLength: 0, maxLength: undefined, pattern, format: undefined };
}

function isOfType(value: JsonValue, types: ReadonlySet<JsonType>): boolean {
  if (value === null) return types.has('null');
  if (Array.isArray(value)) return types.has('array');
  if (typeof value === 'number') return types.has('number') || (types.has('integer') && Number.isInteger(value));
  return types.has(typeof value === 'object' ? 'object' : typeof value === 'boolean' ? 'boolean' : 'string');
}

function isStorableValue(value: JsonValue): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, child]) => isStorable(key) && isStorableValue(child));
}
