import { describe, expect, test } from 'vitest';
import type { GenerateOutput } from '../port.ts';
import { compileOutput, createRecentResults } from './compile-output.ts';

describe('a compiled output', () => {
  test('is nothing for a plain text', () => {
    expect(compileOutput({ kind: 'plain' })).toBeUndefined();
  });

  test.each<GenerateOutput>([
    { kind: 'regex', pattern: '[a-c]+' },
    { kind: 'choice', choices: ['a', 'b'] },
    { kind: 'json', schema: { type: 'boolean' } },
  ])('is the same object for equal $kind outputs', (output) => {
    const compiled = compileOutput(output);
    expect(compiled).toMatchObject({ gbnf: expect.stringContaining('root ::= ') });
    expect(compileOutput(structuredClone(output))).toBe(compiled);
  });

  test('says why there can be none', () => {
    expect(compileOutput({ kind: 'regex', pattern: '(a)\\1' })).toEqual({
      refusal: 'Pattern not supported: a backreference at position 4: write out what it may repeat',
    });
    expect(compileOutput({ kind: 'choice', choices: ['a', 'b\0'] })).toEqual({
      refusal: 'Choice 2 has a character that PostgreSQL cannot hold',
    });
  });

  test('tells a wrong text from a right one', () => {
    const pattern = compileOutput({ kind: 'regex', pattern: 'a|ab' });
    const choice = compileOutput({ kind: 'choice', choices: ['a', 'ab'] });
    for (const compiled of [pattern, choice]) {
      if (compiled === undefined || 'refusal' in compiled) throw new Error('refused');
      expect(compiled.problemOf('ab')).toBeUndefined();
      expect(compiled.problemOf('abc')).toMatch(/^The model gave /);
      expect(compiled.problemOf('')).toMatch(/^The model gave /);
    }
  });

  test.each([
    ['a^b', 'Pattern matches no text at all'],
    ['[^\\s\\S]', 'Pattern matches no text at all'],
    ['^$', 'Pattern matches only the empty text'],
    ['(a{0})*', 'Pattern matches only the empty text'],
  ])('is refused for %s, of which nothing could come', (pattern, refusal) => {
    expect(compileOutput({ kind: 'regex', pattern })).toEqual({ refusal });
  });
});

test('keeps the results asked for last, also undefined ones', () => {
  const recent = createRecentResults<number | undefined>(2);
  const made: string[] = [];
  const get = (key: string) =>
    recent.get(key, () => {
      made.push(key);
      return undefined;
    });
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) get(key);
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('keeps nothing of a failure', () => {
  const recent = createRecentResults<number>(2);
  const failing = () =>
    recent.get('a', () => {
      throw new Error('no');
    });
  expect(failing).toThrow('no');
  expect(recent.get('a', () => 1)).toBe(1);
});
