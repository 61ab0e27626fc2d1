import { expect, test } from 'vitest';
import { type Expression, literal, optional, repeat, ruleRef, sequence } from '../gbnf/expression.ts';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { createRuleSet } from '../gbnf/rule-set.ts';
import { type Union, unionExpression } from './union-expression.ts';

function unionOf(...options: readonly Expression[]): { readonly union: Union; readonly gbnf: string } {
  const rules = createRuleSet();
  rules.define('node', literal('1'));
  rules.define('other', literal('2'));
  const union = unionExpression(options, { rules, inside: () => undefined, mayOverlap: () => true });
  rules.define('root', union.expression);
  return { union, gbnf: printGrammar(rules.rules) };
}

test('a common beginning is written once, rules included', () => {
  const { union, gbnf } = unionOf(
    sequence(literal('{a:'), ruleRef('node'), literal(',op:+}')),
    sequence(literal('{a:'), ruleRef('node'), literal(',op:-}')),
  );
  expect(union.conflicts).toEqual([]);
  expect(gbnf.match(/node/g)).toHaveLength(2);
});

test('repetitions are taken apart as far as they differ', () => {
  const item = sequence(literal(','), ruleRef('node'));
  const { union, gbnf } = unionOf(
    sequence(literal('['), repeat(item, 0, 2), literal(']')),
    sequence(literal('['), repeat(item, 0, undefined), literal(']')),
    sequence(literal('['), optional(literal('x')), literal(']')),
  );
  expect(union.conflicts).toEqual([]);
  expect(gbnf).toContain('[');
});

test('two rules at one place are a conflict, which literals after them end', () => {
  const { union } = unionOf(
    sequence(ruleRef('node'), optional(literal(' ')), literal('a')),
    sequence(ruleRef('other'), optional(literal(' ')), literal('b')),
  );
  expect(union.conflicts).toMatchObject([{ heads: [ruleRef('node'), ruleRef('other')], tails: undefined }]);
});

test('two rules at one place with the same after them are a conflict that lasts', () => {
  const { union } = unionOf(
    sequence(ruleRef('node'), literal('a'), ruleRef('node')),
    sequence(ruleRef('other'), literal('a'), ruleRef('other')),
  );
  expect(union.conflicts.some(({ tails }) => tails !== undefined)).toBe(true);
});
