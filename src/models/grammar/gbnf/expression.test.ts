import { describe, expect, test } from 'vitest';
import { alternatives, characterClass, EMPTY, literal, NEVER, repeat, ruleRef, sequence } from './expression.ts';

describe('expressions', () => {
  test('join literals and drop what is empty', () => {
    expect(sequence(literal('a'), EMPTY, sequence(literal('b'), ruleRef('r')))).toEqual({
      kind: 'sequence',
      parts: [literal('ab'), ruleRef('r')],
    });
    expect(sequence()).toBe(EMPTY);
  });

  test('match nothing where a needed part matches nothing', () => {
    expect(sequence(literal('a'), NEVER)).toBe(NEVER);
    expect(alternatives([NEVER, literal('a')])).toEqual(literal('a'));
    expect(alternatives([])).toEqual(NEVER);
    expect(repeat(NEVER, 0, undefined)).toBe(EMPTY);
    expect(repeat(NEVER, 1, 2)).toBe(NEVER);
    expect(repeat(literal('a'), 3, 2)).toBe(NEVER);
  });

  test('match nothing where no result can hold the text', () => {
    expect(literal('a\0')).toBe(NEVER);
    expect(literal('\ud83d')).toBe(NEVER);
    expect(characterClass([[0xd800, 0xdfff]])).toBe(NEVER);
  });
});
