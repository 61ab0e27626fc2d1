import { describe, expect, test } from 'vitest';
import { EMPTY, literal, NEVER } from './expression.ts';
import { createRuleSet } from './rule-set.ts';

describe('a set of rules', () => {
  test('shares the rule of equal right sides', () => {
    const set = createRuleSet();
    expect(set.add('one', literal('a'))).toEqual(set.add('two', literal('a')));
    expect([...set.rules.keys()]).toEqual(['one']);
  });

  test('makes names that the engine reads, each once', () => {
    const set = createRuleSet();
    const names = [
      set.reserve('root').name,
      set.reserve('été_$ref').name,
      set.reserve('').name,
      set.reserve('a').name,
      set.reserve('a-2').name,
      set.reserve('a').name,
    ];
    expect(names).toEqual(['root-2', 't-ref', 'rule', 'a', 'a-2', 'a-3']);
  });

  test('makes no rule for what is empty or impossible', () => {
    const set = createRuleSet();
    expect([set.add('x', EMPTY), set.add('x', NEVER)]).toEqual([EMPTY, NEVER]);
    expect(set.rules.size).toBe(0);
  });
});
